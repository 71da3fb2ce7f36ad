//! Launches that come again and again, as a graph of the driver: one call starts them all.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{DefaultHasher, Hash, Hasher};

use cudarc::driver::{DriverError, result, sys};

use super::driver::Launch;
use crate::device::gpu::GROUP;

/// Words of the block of arguments that every launch hands over; a program takes as many of them as it declares.
pub(super) const ARGUMENTS: usize = 128;
/// Fewer launches than this are started one by one.
const FEWEST: usize = 8;
/// Most graphs that are kept.
const MOST: usize = 64;

/// A function of a loaded program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function(pub(super) sys::CUfunction);

// SAFETY: a handle of the driver, which takes it from any thread; modules are not unloaded while the device lives.
unsafe impl Send for Function {}

/// The graphs of a device.
#[derive(Default)]
pub(super) struct Graphs {
    /// By the programs of a list of launches; nothing for what came once.
    known: HashMap<u64, Option<Graph>>,
}

/// Launches in a chain.
struct Graph {
    graph: sys::CUgraph,
    executable: sys::CUgraphExec,
    nodes: Vec<sys::CUgraphNode>,
    /// What the nodes do now.
    launches: Vec<Launch>,
}

// SAFETY: as for `Function`.
unsafe impl Send for Graph {}

impl Graphs {
    /// Starts launches whose functions are given, as a graph from the second time on that they come. The context of the stream must
    /// be current.
    pub(super) fn run(
        &mut self,
        launches: &[Launch],
        functions: &[Function],
        stream: sys::CUstream,
    ) -> Result<(), DriverError> {
        if launches.len() < FEWEST {
            return start_each(launches, functions, stream);
        }
        let mut hasher = DefaultHasher::new();
        launches.iter().for_each(|launch| launch.program.hash(&mut hasher));
        if self.known.len() >= MOST {
            self.known.clear();
        }
        match self.known.entry(hasher.finish()) {
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(None);
                start_each(launches, functions, stream)
            }
            std::collections::hash_map::Entry::Occupied(mut known) => {
                let graph = match known.get_mut() {
                    Some(graph) => {
                        graph.update(launches, functions)?;
                        graph
                    }
                    empty => empty.insert(Graph::new(launches, functions)?),
                };
                // SAFETY: the graph was made for this context.
                unsafe { result::graph::launch(graph.executable, stream) }
            }
        }
    }
}

fn start_each(launches: &[Launch], functions: &[Function], stream: sys::CUstream) -> Result<(), DriverError> {
    for (launch, function) in launches.iter().zip(functions) {
        let (groups, threads) = ((launch.groups as u32, 1, 1), (GROUP as u32, 1, 1));
        // SAFETY: the program takes a block no larger than ours and an address for each operand (tests/ptx checks every program);
        // the driver copies the parameters before it returns.
        with_parameters(launch, |parameters| unsafe {
            result::launch_kernel(function.0, groups, threads, 0, stream, parameters)
        })?;
    }
    Ok(())
}

/// Calls with a pointer to each parameter: the block of arguments, then the address of each operand.
fn with_parameters<R>(launch: &Launch, then: impl FnOnce(&mut [*mut c_void]) -> R) -> R {
    let mut block = [0u32; ARGUMENTS];
    block.iter_mut().zip(&launch.arguments).for_each(|(to, word)| *to = *word);
    let mut addresses: Vec<u64> = launch.operands.iter().map(|operand| operand.address).collect();
    let mut parameters: Vec<*mut c_void> = vec![block.as_mut_ptr().cast()];
    parameters.extend(addresses.iter_mut().map(|address| std::ptr::from_mut(address).cast::<c_void>()));
    then(&mut parameters)
}

/// Calls with the description of a node.
fn with_node<R>(launch: &Launch, function: Function, then: impl FnOnce(&sys::CUDA_KERNEL_NODE_PARAMS) -> R) -> R {
    with_parameters(launch, |parameters| {
        then(&sys::CUDA_KERNEL_NODE_PARAMS {
            func: function.0,
            gridDimX: launch.groups as u32,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: GROUP as u32,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            kernelParams: parameters.as_mut_ptr(),
            extra: std::ptr::null_mut(),
            kern: std::ptr::null_mut(),
            ctx: std::ptr::null_mut(),
        })
    })
}

impl Graph {
    fn new(launches: &[Launch], functions: &[Function]) -> Result<Self, DriverError> {
        let mut made = Graph {
            graph: std::ptr::null_mut(),
            executable: std::ptr::null_mut(),
            nodes: Vec::with_capacity(launches.len()),
            launches: launches.to_vec(),
        };
        // SAFETY: an out-pointer that is ours.
        unsafe { sys::cuGraphCreate(&mut made.graph, 0) }.result()?;
        for (launch, function) in launches.iter().zip(functions) {
            let mut node = std::ptr::null_mut();
            let before = made.nodes.last().map_or(std::ptr::null(), std::ptr::from_ref);
            let count = usize::from(!before.is_null());
            // SAFETY: a node of this graph comes before, or none; parameters as in `start_each`, which the driver copies.
            with_node(launch, *function, |node_parameters| unsafe {
                sys::cuGraphAddKernelNode_v2(&mut node, made.graph, before, count, node_parameters)
            })
            .result()?;
            made.nodes.push(node);
        }
        // SAFETY: the graph is complete.
        unsafe { sys::cuGraphInstantiateWithFlags(&mut made.executable, made.graph, 0) }.result()?;
        Ok(made)
    }

    /// Tells the nodes what changed: arguments, addresses, groups. What is under way keeps its own.
    fn update(&mut self, launches: &[Launch], functions: &[Function]) -> Result<(), DriverError> {
        let nodes = self.nodes.iter().zip(&mut self.launches);
        for ((launch, function), (node, now)) in launches.iter().zip(functions).zip(nodes) {
            if launch != now {
                // SAFETY: a node of this graph, for the same function.
                with_node(launch, *function, |node_parameters| unsafe {
                    sys::cuGraphExecKernelNodeSetParams_v2(self.executable, *node, node_parameters)
                })
                .result()?;
                now.clone_from(launch);
            }
        }
        Ok(())
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made by this, and destroyed once; the driver lets what is under way end.
        unsafe {
            if !self.executable.is_null() {
                let _ = result::graph::exec_destroy(self.executable);
            }
            if !self.graph.is_null() {
                let _ = result::graph::destroy(self.graph);
            }
        }
    }
}
