//! What the suites over the table try.

use super::{Branch, Mlp, MlpInput, MlpLayer};
use crate::math::Function;
use crate::ops::reference::{Case, Input};
use crate::random::Key;

fn plain(activation: Function) -> MlpLayer {
    MlpLayer { activation, bias: true, branch: Branch::None, dropout: None }
}

fn dropping(activation: Function, key: u64) -> MlpLayer {
    MlpLayer { dropout: Some((0.25, Key::new(key))), ..plain(activation) }
}

/// Rows, columns of x and c, the layers with their widths.
fn case(label: &str, rows: usize, (x, c): (usize, usize), layers: &[(MlpLayer, usize)], input: MlpInput) -> Case {
    let mut width = x + c;
    let mut inputs = vec![Input::real([rows, x])];
    if input.conditioned {
        inputs.push(Input::real([rows, c]));
    }
    if input.norm.is_some() {
        inputs.push(Input::real([width]));
    }
    for &(layer, outputs) in layers {
        let range = 2.0 / (width.max(1) as f64).sqrt();
        let mut dense = |bias: bool| {
            inputs.push(Input::between([width, outputs], -range, range));
            if bias {
                inputs.push(Input::real([outputs]));
            }
        };
        dense(layer.bias);
        if let Branch::Projection { bias } | Branch::Gate { bias } = layer.branch {
            dense(bias);
        }
        width = outputs;
    }
    let layers: Vec<MlpLayer> = layers.iter().map(|&(layer, _)| layer).collect();
    let label = format!("{label}, {rows} rows{}", if input.keep { "" } else { ", computed again" });
    Case::new(label, inputs, Mlp::attributes(input, &layers)).bound(1e-4).without_special_values()
}

pub(super) fn cases() -> Vec<Case> {
    let kept = MlpInput { keep: true, ..MlpInput::default() };
    let again = MlpInput::default();
    let both = MlpInput { conditioned: true, ..kept };
    let normed = |input: MlpInput| MlpInput { norm: Some(1e-3), ..input };
    let linear = MlpLayer { bias: false, ..plain(Function::Linear) };
    let adding = MlpLayer { branch: Branch::Identity, ..dropping(Function::Silu, 2) };
    let projecting = |bias: bool| MlpLayer { branch: Branch::Projection { bias }, ..dropping(Function::Silu, 3) };
    let gated = |f: Function, bias: bool| MlpLayer { branch: Branch::Gate { bias }, bias, ..dropping(f, 4) };
    let coupling =
        [(dropping(Function::HardSilu, 1), 16), (dropping(Function::HardSilu, 2), 17), (plain(Function::Linear), 6)];
    let residual = |bias: bool| [(projecting(bias), 12), (adding, 12)];
    let swiglu = |bias: bool| [(gated(Function::Silu, bias), 24), (MlpLayer { bias, ..linear }, 9)];
    let mut cases = vec![
        case("no rows", 0, (3, 2), &[(plain(Function::Mish), 4), (linear, 2)], both),
        case("one number", 1, (1, 0), &[(plain(Function::Tanh), 1)], kept),
        case("one linear layer", 7, (3, 0), &[(linear, 5)], kept),
        case("no inputs", 5, (0, 0), &[(plain(Function::Mish), 3)], again),
        case("a wide layer", 17, (70, 0), &[(plain(Function::Mish), 130)], kept),
        case("residual", 21, (9, 0), &residual(true), kept),
        case("residual", 21, (9, 0), &residual(false), again),
        case("residual after a norm", 50, (5, 6), &residual(true), normed(both)),
        case("residual after a norm", 33, (9, 0), &residual(true), normed(again)),
        case("one layer after a norm", 31, (7, 0), &[(linear, 9)], normed(kept)),
        case("gated", 35, (9, 0), &swiglu(true), kept),
        case("gated after a norm", 51, (9, 0), &swiglu(false), normed(again)),
        case("a gate alone", 17, (6, 0), &[(MlpLayer { dropout: None, ..gated(Function::Linear, false) }, 5)], kept),
        case("a scalar function", 3, (4, 0), &[(plain(Function::Sin), 5), (linear, 3)], kept),
    ];
    for (rows, keep) in [(1, true), (16, true), (48, false), (49, true), (97, true), (200, true), (401, false)] {
        cases.push(case("as in a coupling", rows, (5, 9), &coupling, MlpInput { keep, ..both }));
    }
    // Without activations, NaN and infinity turn up where they do in the formula.
    let through = case("linear", 19, (4, 3), &[(linear, 7), (plain(Function::Linear), 3)], both);
    cases.push(Case { special_values: true, ..through });
    cases
}
