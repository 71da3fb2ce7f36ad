//! The chain of layers on a GPU: products, and what follows each, one program after the other.
//!
//! Backward computes the states of the layers again: they take memory once, and products are cheap on a GPU.

use super::network::{Arguments, LayerArguments, MOST_LAYERS};
use crate::device::gpu::{BlockSums, Launch, Program, ROWS, groups_for};
use crate::device::{Buffer, Slice};
use crate::error::Result;
use crate::math::Function;
use crate::ops::gpu_product::{Factor, dense, product, sum_rows};

/// What a layer leaves for the next one, and for backward.
struct State {
    /// `a`, the sum in the activation.
    before: Buffer,
    /// What the branch gives.
    beside: Option<Buffer>,
    /// The result, unless it is the operation's own.
    result: Option<Buffer>,
}

/// Where the result of a layer goes.
enum To<'a> {
    /// To the next layer.
    Next,
    /// It is that of the operation.
    Result(Slice<'a>),
    /// Backward does not read the last one.
    Nobody,
}

/// The input of the first layer, where it is not `x` itself.
struct Start {
    joined: Option<Buffer>,
    /// The norm's result, and `r` of each row.
    norm: Option<(Buffer, Buffer)>,
}

/// A layer's operands by number: kernel, bias, kernel and bias of the branch.
#[derive(Clone, Copy, Default)]
struct Numbers {
    kernel: usize,
    bias: Option<usize>,
    branch: Option<(usize, Option<usize>)>,
    inputs: usize,
    outputs: usize,
}

fn numbers(arguments: &Arguments) -> [Numbers; MOST_LAYERS] {
    let (mut at, mut inputs) = (arguments.gain() + arguments.normalised as usize, arguments.inputs());
    let mut numbers = [Numbers::default(); MOST_LAYERS];
    for (slot, layer) in numbers.iter_mut().zip(arguments.layers()) {
        let mut take = |bias: u32| {
            let kernel = at;
            at += 1 + bias as usize;
            (kernel, (bias == 1).then_some(kernel + 1))
        };
        let (kernel, bias) = take(layer.bias);
        let branch = layer.has_branch().then(|| take(layer.branch_bias));
        let outputs = layer.outputs as usize;
        *slot = Numbers { kernel, bias, branch, inputs, outputs };
        inputs = outputs;
    }
    numbers
}

/// A launch with the operands `x`, `c`, gain and those of the layers.
struct Chain<'a> {
    launch: &'a Launch<'a>,
    arguments: Arguments,
    operands: &'a [Slice<'a>],
    numbers: [Numbers; MOST_LAYERS],
}

impl<'a> Chain<'a> {
    fn new(launch: &'a Launch<'a>, operands: &'a [Slice<'a>]) -> Self {
        let arguments: Arguments = launch.arguments();
        Chain { launch, arguments, operands, numbers: numbers(&arguments) }
    }

    fn rows(&self) -> usize {
        self.arguments.rows as usize
    }

    /// Joins `x` and `c`, and normalises.
    fn start(&self) -> Result<Start> {
        let (launch, rows, width) = (self.launch, self.rows(), self.arguments.inputs());
        let joined = (self.arguments.conditioned == 1).then(|| launch.scratch(rows * width)).transpose()?;
        if let Some(joined) = &joined {
            for (part, start, count) in [(0, 0, self.arguments.x), (1, self.arguments.x, self.arguments.c)] {
                let x = self.operands[part];
                let arguments = [width as u32, start, count, 0, x.words() as u32];
                let program = Program::new("concatenate", "forward");
                launch.run_with(program, &arguments, &[x], &[joined.all()], groups_for(x.words()))?;
            }
        }
        let mut norm = None;
        if self.arguments.normalised == 1 {
            let x = joined.as_ref().map_or(self.operands[0], Buffer::all);
            let (y, r) = (launch.scratch(rows * width)?, launch.scratch(rows)?);
            let inputs = [x, self.operands[self.arguments.gain()], x.nothing()];
            let outputs = [y.all(), r.all(), r.all().nothing()];
            let arguments = self.norm_arguments(0, 0);
            launch.run_with(Program::new("row_norm", "forward"), &arguments, &inputs, &outputs, rows.div_ceil(ROWS))?;
            norm = Some((y, r));
        }
        Ok(Start { joined, norm })
    }

    /// The arguments of the programs of `row_norm`.
    fn norm_arguments(&self, of_gain: u32, accumulate: u32) -> [u32; 8] {
        let width = self.arguments.inputs() as u32;
        [self.arguments.epsilon.to_bits(), width, 0, 1, 0, of_gain, accumulate, self.arguments.rows]
    }

    /// The input of the first layer.
    fn first<'s>(&'s self, start: &'s Start) -> Slice<'s> {
        match (&start.norm, &start.joined) {
            (Some((y, _)), _) => y.all(),
            (None, Some(joined)) => joined.all(),
            (None, None) => self.operands[0],
        }
    }

    /// `before`, and what the branch gives, of a layer with the given input; then the result, unless it goes elsewhere.
    fn layer(&self, index: usize, input: Slice, to: To) -> Result<State> {
        let (launch, rows) = (self.launch, self.rows());
        let (layer, own) = (&self.arguments.layers()[index], self.numbers[index]);
        let sum = |kernel: usize, bias: Option<usize>| -> Result<Buffer> {
            let y = launch.scratch(rows * own.outputs)?;
            let (x, kernel) = (self.input(input, index), Factor::new(self.operands[kernel], own.inputs, own.outputs));
            let outputs = [y.all(), y.all().nothing()];
            dense(launch, x, kernel, bias.map(|bias| self.operands[bias]), Function::Linear, outputs, 0)?;
            Ok(y)
        };
        let before = sum(own.kernel, own.bias)?;
        let beside = own.branch.map(|(kernel, bias)| sum(kernel, bias)).transpose()?;
        let result = matches!(to, To::Next).then(|| launch.scratch(rows * own.outputs)).transpose()?;
        let state = State { before, beside, result };
        let to = match to {
            To::Result(result) => Some(result),
            To::Next | To::Nobody => state.result.as_ref().map(Buffer::all),
        };
        if let Some(to) = to {
            let inputs = [state.before.all(), self.beside(&state, layer, input)];
            let (arguments, groups) = self.behind(layer, own.outputs);
            launch.run_with(Program::new("mlp", "forward"), &arguments, &inputs, &[to], groups)?;
        }
        Ok(state)
    }

    fn input<'s>(&self, input: Slice<'s>, index: usize) -> Factor<'s> {
        Factor::new(input, self.rows(), self.numbers[index].inputs)
    }

    /// What stands beside the activation.
    fn beside<'s>(&self, state: &'s State, layer: &LayerArguments, input: Slice<'s>) -> Slice<'s> {
        match &state.beside {
            Some(beside) => beside.all(),
            None if layer.adds_input() => input,
            None => input.nothing(),
        }
    }

    /// The arguments of the programs behind a product, and their groups.
    fn behind(&self, layer: &LayerArguments, columns: usize) -> ([u32; 8], usize) {
        let n = self.rows() * columns;
        let [threshold, scale, low, high] = layer.mask.words();
        (
            [layer.function().index(), layer.branch(), threshold, scale, low, high, columns as u32, n as u32],
            groups_for(n),
        )
    }
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let chain = Chain::new(launch, launch.inputs);
    let start = chain.start()?;
    let last = chain.arguments.layers().len() - 1;
    let mut states: Vec<State> = Vec::with_capacity(MOST_LAYERS);
    for index in 0..=last {
        let before = states.last().and_then(|state| state.result.as_ref());
        let input = before.map_or_else(|| chain.first(&start), Buffer::all);
        let to = if index == last { To::Result(launch.outputs[0]) } else { To::Next };
        let state = chain.layer(index, input, to)?;
        states.push(state);
    }
    Ok(())
}

/// Operands: the gradient of the result, what forward kept (not read), then those of forward.
pub(super) fn backward(launch: &Launch) -> Result<()> {
    let chain = Chain::new(launch, &launch.inputs[2..]);
    let (arguments, rows) = (chain.arguments, chain.rows());
    let start = chain.start()?;
    let count = arguments.layers().len();
    let mut states: Vec<State> = Vec::with_capacity(MOST_LAYERS);
    for index in 0..count {
        let before = states.last().and_then(|state| state.result.as_ref());
        let input = before.map_or_else(|| chain.first(&start), Buffer::all);
        let state = chain.layer(index, input, if index + 1 < count { To::Next } else { To::Nobody })?;
        states.push(state);
    }
    let sink = |operand: usize| {
        (arguments.wanted >> operand & 1 == 1).then(|| (launch.outputs[operand], arguments.added >> operand & 1))
    };
    let mut gradient: Option<Buffer> = None;
    for index in (0..count).rev() {
        let (layer, own) = (&arguments.layers()[index], chain.numbers[index]);
        let input = match index {
            0 => chain.first(&start),
            _ => states[index - 1].result.as_ref().map_or(launch.inputs[0].nothing(), Buffer::all),
        };
        let dh = gradient.as_ref().map_or(launch.inputs[0], Buffer::all);
        let n = rows * own.outputs;
        let (da, dbeside) = (launch.scratch(n)?, launch.scratch(if layer.gates() { n } else { 0 })?);
        let inputs = [states[index].before.all(), chain.beside(&states[index], layer, input), dh];
        let (behind, groups) = chain.behind(layer, own.outputs);
        let outputs = [da.all(), dbeside.all()];
        launch.run_with(Program::new("mlp", "backward"), &behind, &inputs, &outputs, groups)?;

        let next = launch.scratch(rows * own.inputs)?;
        let through = |slope: Slice, kernel: usize, bias: Option<usize>, accumulate: u32| -> Result<()> {
            let slopes = Factor::new(slope, rows, own.outputs);
            if let Some((to, add)) = sink(kernel) {
                product(launch, chain.input(input, index).transposed(), slopes, to, add)?;
            }
            if let Some((to, add)) = bias.and_then(sink) {
                sum_rows(launch, slope, rows, own.outputs, to, add)?;
            }
            let kernel = Factor::new(chain.operands[kernel], own.inputs, own.outputs);
            product(launch, slopes, kernel.transposed(), next.all(), accumulate)
        };
        through(da.all(), own.kernel, own.bias, 0)?;
        if let Some((kernel, bias)) = own.branch {
            through(if layer.gates() { dbeside.all() } else { dh }, kernel, bias, 1)?;
        } else if layer.adds_input() {
            let n = rows * own.inputs;
            let program = Program::new("accumulate", "forward");
            launch.run_with(program, &[1, n as u32], &[dh], &[next.all()], groups_for(n))?;
        }
        gradient = Some(next);
    }
    let Some(gradient) = gradient else { return Ok(()) };
    to_inputs(&chain, &start, gradient, sink)
}

/// Back through the norm and the join.
fn to_inputs<'a>(
    chain: &Chain,
    start: &Start,
    gradient: Buffer,
    sink: impl Fn(usize) -> Option<(Slice<'a>, u32)>,
) -> Result<()> {
    let (launch, arguments, rows) = (chain.launch, &chain.arguments, chain.rows());
    let width = arguments.inputs();
    let mut gradient = gradient;
    if let Some((_, r)) = &start.norm {
        let x = start.joined.as_ref().map_or(chain.operands[0], Buffer::all);
        if let Some((to, add)) = sink(arguments.gain()) {
            let sums = BlockSums::new(launch, rows, width)?;
            let inputs = [x, r.all(), r.all().nothing(), gradient.all()];
            let program = Program::new("row_norm", "backward_parameter");
            launch.run_with(program, &chain.norm_arguments(1, 0), &inputs, &[sums.slice()], sums.groups())?;
            sums.finish(launch, to, add)?;
        }
        let next = launch.scratch(rows * width)?;
        let inputs = [x, chain.operands[arguments.gain()], r.all(), r.all().nothing(), gradient.all()];
        let program = Program::new("row_norm", "backward_input");
        launch.run_with(program, &chain.norm_arguments(0, 0), &inputs, &[next.all()], rows.div_ceil(ROWS))?;
        gradient = next;
    }
    let parts = [(0, 0, arguments.x), (1, arguments.x, arguments.c)];
    for (part, first, count) in parts.into_iter().take(1 + arguments.conditioned as usize) {
        if let Some((to, add)) = sink(part) {
            let n = rows * count as usize;
            let arguments = [width as u32, first, count, add, n as u32];
            let program = Program::new("concatenate", "backward");
            launch.run_with(program, &arguments, &[gradient.all()], &[to], groups_for(n))?;
        }
    }
    Ok(())
}
