//! Bits that do not depend on neighbours, on the instruction set or on how rows are cut; numbers that are not finite.

use super::*;
use crate::device::Device;
use crate::device::cpu::Isa;
use crate::ops::operation::Sink;
use rand::RngExt;

/// A call with its inputs: rows of queries and keys of each set, and whatever may be changed in them.
struct Call {
    heads: usize,
    h: usize,
    query_offsets: Vec<u32>,
    key_offsets: Vec<u32>,
    /// q, k, v and the gradient of the output.
    matrices: [Vec<f32>; 4],
    mask: Option<(usize, Vec<f32>)>,
    dropout: f64,
}

/// out, log_sums, dq, dk, dv.
type Results = [Vec<f32>; 5];

impl Call {
    fn new(heads: usize, h: usize, sets: &[(usize, usize)]) -> Self {
        let (mut query_offsets, mut key_offsets) = (vec![0], vec![0]);
        for (set, &(queries, keys)) in sets.iter().enumerate() {
            query_offsets.push(query_offsets[set] + queries as u32);
            key_offsets.push(key_offsets[set] + keys as u32);
        }
        let mut stream = Key::new(5).stream();
        let [queries, keys] = [&query_offsets, &key_offsets].map(|offsets| offsets[sets.len()] as usize);
        let matrices = [queries, keys, keys, queries]
            .map(|rows| (0..rows * heads * h).map(|_| stream.random_range(-2.0..2.0)).collect());
        Call { heads, h, query_offsets, key_offsets, matrices, mask: None, dropout: 0.0 }
    }

    fn run(&self, device: &Device) -> Results {
        let width = self.heads * self.h;
        let matrix =
            |values: &[f32], width: usize| Tensor::from_values(device, [values.len() / width, width], values).unwrap();
        let offsets = |offsets: &[u32]| Tensor::from_indices(device, [offsets.len()], offsets).unwrap();
        let mut inputs: Vec<Tensor> = self.matrices[..3].iter().map(|values| matrix(values, width)).collect();
        inputs.extend([offsets(&self.query_offsets), offsets(&self.key_offsets)]);
        inputs.extend(self.mask.iter().map(|(width, mask)| matrix(mask, *width)));
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let queries = inputs[0].shape();
        let products = [queries, queries.with_last(self.heads)].map(|shape| Tensor::zeros(device, shape).unwrap());
        let products = [&products[0], &products[1]];
        let dropout = (self.dropout > 0.0).then(|| (self.dropout, Key::new(8)));
        let attributes = &Attention::attributes(self.heads, dropout);
        Attention.forward(&Forward { device, inputs: &inputs, products: &products, attributes }).unwrap();
        let memory = [0, 1, 2].map(|i| Tensor::full(device, inputs[i].shape(), 7.0).unwrap());
        let sinks = memory.each_ref().map(|tensor| Some(Sink { tensor, accumulate: false }));
        let dout = matrix(&self.matrices[3], width);
        let gradients = [Some(&dout)];
        let call =
            Backward { device, inputs: &inputs, products: &products, gradients: &gradients, sinks: &sinks, attributes };
        Attention.backward(&call).unwrap();
        let [dq, dk, dv] = memory;
        [products[0].clone(), products[1].clone(), dq, dk, dv].map(|tensor| tensor.values().unwrap())
    }
}

fn bits(results: &Results) -> Vec<Vec<u32>> {
    results.iter().map(|values| values.iter().map(|value| value.to_bits()).collect()).collect()
}

fn devices() -> Vec<Device> {
    Isa::available().iter().map(|&isa| Device::cpu_with(2, isa).unwrap()).collect()
}

/// Sets around the sizes of tiles and blocks, head widths around those of vectors, masks, dropout.
#[test]
fn instruction_sets_agree_bit_by_bit() {
    for (heads, h) in [(1, 1), (2, 5), (3, 16), (1, 19), (1, 33)] {
        for (masked, dropout) in [(false, 0.0), (true, 0.0), (false, 0.3), (true, 0.3)] {
            let mut call = Call::new(heads, h, &[(4, 9), (0, 3), (17, 131), (1, 0), (66, 50), (3, 260)]);
            call.dropout = dropout;
            call.mask = masked.then(|| (140, (0..91 * 140).map(|i| (i % 7 % 2) as f32).collect()));
            let all: Vec<_> = devices().iter().map(|device| bits(&call.run(device))).collect();
            assert!(all.iter().all(|results| *results == all[0]), "{heads} heads of {h}, {masked}, {dropout}");
        }
    }
}

/// A query gives the same bits alone as among others, and so does a set.
#[test]
fn a_query_does_not_depend_on_its_neighbours() {
    for device in devices() {
        let (heads, h) = (2, 5);
        let width = heads * h;
        let together = Call::new(heads, h, &[(3, 20), (70, 150), (2, 9)]);
        let results = together.run(&device);
        for query in 3..73 {
            let mut alone = Call::new(heads, h, &[(1, 150)]);
            for (i, rows) in [query..query + 1, 20..170, 20..170, query..query + 1].into_iter().enumerate() {
                alone.matrices[i] = together.matrices[i][rows.start * width..rows.end * width].to_vec();
            }
            let alone = alone.run(&device);
            for (i, width) in [(0, width), (1, heads), (2, width)] {
                assert_eq!(alone[i], results[i][query * width..(query + 1) * width], "query {query}, result {i}");
            }
        }
        let mut alone = Call::new(heads, h, &[(70, 150)]);
        for (i, rows) in [3..73, 20..170, 20..170, 3..73].into_iter().enumerate() {
            alone.matrices[i] = together.matrices[i][rows.start * width..rows.end * width].to_vec();
        }
        let alone = alone.run(&device);
        for (i, rows) in [(3, 20..170), (4, 20..170)] {
            assert_eq!(alone[i], results[i][rows.start * width..rows.end * width], "result {i} of the set");
        }
    }
}

/// A key that is masked or dropped contributes nothing even if it is not finite: all other bits stay as they were.
#[test]
fn numbers_that_are_not_finite_stay_where_they_belong() {
    for device in devices() {
        for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut call = Call::new(2, 5, &[(20, 150), (2, 3)]);
            let excluded = 140;
            let mask = (0..22 * 150).map(|i| if i % 150 == excluded { 0.0 } else { 1.0 }).collect();
            call.mask = Some((150, mask));
            let expected = bits(&call.run(&device));
            for matrix in [1, 2] {
                call.matrices[matrix][excluded * 10..][..10].fill(special);
            }
            assert_eq!(bits(&call.run(&device)), expected, "{special} in a masked key");
            // A query that is not finite spoils its own row and what all queries give to the keys of its set and head.
            call.matrices[0][7 * 10] = f32::NAN;
            let results = bits(&call.run(&device));
            for (i, (results, expected)) in results.iter().zip(&expected).enumerate().take(3) {
                let width = expected.len() / 22;
                for (row, (result, expected)) in results.chunks(width).zip(expected.chunks(width)).enumerate() {
                    let head = width / 2;
                    assert_eq!(result[head..], expected[head..], "result {i}, row {row}, the other head");
                    let same = result[..head] == expected[..head];
                    assert_eq!(same, row != 7, "result {i}, row {row}");
                }
            }
        }
    }
}

/// A value that is not finite spoils only the rows that give its key a weight; its own gradient stays finite.
#[test]
fn a_dropped_value_contributes_nothing() {
    let device = Device::cpu();
    let mut call = Call::new(1, 3, &[(40, 10)]);
    call.dropout = 0.5;
    let expected = call.run(&device);
    call.matrices[2][4 * 3] = f32::INFINITY;
    let results = call.run(&device);
    let changed: Vec<usize> = (0..40).filter(|&row| results[0][row * 3] != expected[0][row * 3]).collect();
    assert!((5..36).contains(&changed.len()), "{changed:?}");
    for row in 0..40 {
        let part = row * 3..row * 3 + 3;
        assert_eq!(results[0][part.start].is_finite(), !changed.contains(&row), "row {row}");
        assert_eq!(results[0][part.start + 1..part.end], expected[0][part.start + 1..part.end], "row {row}");
        assert_eq!(results[2][part.clone()] == expected[2][part], !changed.contains(&row), "gradient of row {row}");
    }
    assert_eq!(results[4], expected[4]);
}

/// Offsets that do not say which rows are one set give NaN and no panic.
#[test]
fn offsets_in_disorder_give_nan() {
    for offsets in [[0, 3, 2, 5], [1, 2, 3, 5], [0, 1, 2, 4]] {
        let mut call = Call::new(1, 2, &[(2, 2), (1, 1), (2, 2)]);
        call.key_offsets = offsets.to_vec();
        let results = call.run(&Device::cpu());
        assert!(results.iter().flatten().all(|value| value.is_nan()));
    }
}
