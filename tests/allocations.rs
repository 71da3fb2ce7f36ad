//! After the largest shape was seen, a training step takes no memory from the system: from the adapted batch to the
//! updated weights.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ferroflow::approximators::{
    Approximator, Batch, ContinuousApproximator, Dimensions, Matrix, Sets, Trainable, Variable,
};
use ferroflow::device::Device;
use ferroflow::networks::{CouplingFlow, DeepSet};
use ferroflow::nn::Mlp;
use ferroflow::optim::{Matrices, Optimizer, Schedule};
use ferroflow::random::Key;
use rand::RngExt;

thread_local! {
    static COUNTED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: hands everything to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNTED.try_with(|counted| counted.set(counted.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNTED.try_with(|counted| counted.set(counted.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn batch(datasets: usize, sizes: std::ops::RangeInclusive<usize>, key: Key) -> Batch {
    let mut stream = key.stream();
    let mut offsets = vec![0u32];
    for _ in 0..datasets {
        let size = stream.random_range(sizes.clone()) as u32;
        offsets.push(offsets[offsets.len() - 1] + size);
    }
    let elements = offsets[datasets] as usize;
    let mut matrix = |rows: usize, columns: usize| Matrix {
        columns,
        values: (0..rows * columns).map(|_| stream.random::<f64>() * 2.0 - 1.0).collect(),
    };
    Batch {
        datasets,
        inference_variables: Some(matrix(datasets, 3)),
        inference_conditions: Some(matrix(datasets, 1)),
        summary_variables: vec![Sets::new(matrix(elements, 2), offsets)],
        sample_weight: None,
    }
}

#[test]
fn a_step_after_the_largest_takes_no_memory() {
    for (threads, matrices) in [(1, Matrices::Adam), (1, Matrices::Muon), (2, Matrices::Adam), (2, Matrices::Muon)] {
        let network = ContinuousApproximator {
            inference_network: CouplingFlow {
                depth: 2,
                subnet: Mlp { widths: vec![32, 32], ..Mlp::for_couplings() },
                ..CouplingFlow::default()
            }
            .into(),
            summary_network: Some(DeepSet { embed_dim: 16, mlp_widths: vec![16], ..DeepSet::default() }.into()),
            summary_distribution: None,
            standardize: vec![Variable::InferenceVariables, Variable::SummaryVariables],
        };
        let device = Device::cpu_with_threads(threads).unwrap();
        let largest = batch(32, 14..=14, Key::new(1));
        let mut built = network.build(Dimensions::of(&largest).unwrap(), &device, Key::new(2)).unwrap();
        let schedule = Schedule::Constant { rate: 1e-3 };
        let mut optimizer = Optimizer { matrices, ..Optimizer::default() }.build(schedule, built.parameters()).unwrap();
        for step in 0..3 {
            built.train_step(&largest, &mut optimizer, Key::new(3).at(step)).unwrap();
        }
        let batches: Vec<Batch> = (0..20).map(|i| batch(32, 5..=14, Key::new(4).at(i))).collect();
        let held = device.allocated_bytes();
        let before = COUNTED.with(Cell::get);
        for (step, batch) in batches.iter().enumerate() {
            built.train_step(batch, &mut optimizer, Key::new(5).at(step as u64)).unwrap();
        }
        let taken = COUNTED.with(Cell::get) - before;
        assert_eq!(taken, 0, "{taken} allocations in {} steps of {matrices:?} on {threads} threads", batches.len());
        assert_eq!(device.allocated_bytes(), held);
    }
}
