//! What the suites over the table try.

use super::{Mlp, MlpLayer, Skip};
use crate::math::Function;
use crate::ops::reference::{Case, Input};
use crate::random::Key;

fn layer(activation: Function) -> MlpLayer {
    MlpLayer { activation, bias: true, skip: Skip::None, dropout: None }
}

/// Rows, columns of x and c, the layers with their widths, and whether backward finds what it needs.
fn case(label: &str, rows: usize, x: usize, c: usize, layers: &[(MlpLayer, usize)], keep: bool) -> Case {
    let mut inputs = vec![Input::real([rows, x])];
    if c > 0 {
        inputs.push(Input::real([rows, c]));
    }
    let mut width = x + c;
    for &(layer, outputs) in layers {
        let range = 2.0 / (width.max(1) as f64).sqrt();
        let mut dense = |bias: bool| {
            inputs.push(Input::between([width, outputs], -range, range));
            if bias {
                inputs.push(Input::real([outputs]));
            }
        };
        dense(layer.bias);
        if let Skip::Projection { bias } = layer.skip {
            dense(bias);
        }
        width = outputs;
    }
    let described: Vec<MlpLayer> = layers.iter().map(|&(layer, _)| layer).collect();
    let attributes = Mlp::attributes(&described, c > 0, keep);
    Case::new(format!("{label}, {rows} rows"), inputs, attributes).bound(1e-4).without_special_values()
}

pub(super) fn cases() -> Vec<Case> {
    let plain = |f: Function| layer(f);
    let dropping = |f: Function, key: u64| MlpLayer { dropout: Some((0.25, Key::new(key))), ..layer(f) };
    let linear = MlpLayer { bias: false, ..layer(Function::Linear) };
    let adding = MlpLayer { skip: Skip::Identity, ..dropping(Function::Silu, 2) };
    let projecting = |bias: bool| MlpLayer { skip: Skip::Projection { bias }, ..dropping(Function::Silu, 3) };
    let coupling = [(dropping(Function::HardSilu, 1), 16), (dropping(Function::HardSilu, 2), 17), (plain(Function::Linear), 6)];
    let mut cases = vec![
        case("no rows", 0, 3, 2, &[(plain(Function::Mish), 4), (linear, 2)], true),
        case("one number", 1, 1, 0, &[(plain(Function::Tanh), 1)], true),
        case("one linear layer", 7, 3, 0, &[(linear, 5)], true),
        case("no inputs", 5, 0, 0, &[(plain(Function::Mish), 3)], false),
        case("a wide layer", 17, 70, 0, &[(plain(Function::Mish), 130)], true),
        case("residual", 21, 9, 0, &[(projecting(true), 12), (adding, 12)], true),
        case("residual, computed again", 21, 9, 0, &[(projecting(false), 12), (adding, 12)], false),
        case("a scalar function", 3, 4, 0, &[(plain(Function::Sin), 5), (linear, 3)], true),
    ];
    for (rows, keep) in [(1, true), (16, true), (48, false), (49, true), (97, true), (200, true), (401, false)] {
        cases.push(case("as in a coupling", rows, 5, 9, &coupling, keep));
    }
    // Without activations, NaN and infinity turn up where they do in the formula.
    for case in [case("linear", 19, 4, 3, &[(linear, 7), (layer(Function::Linear), 3)], true)] {
        cases.push(Case { special_values: true, ..case });
    }
    cases
}
