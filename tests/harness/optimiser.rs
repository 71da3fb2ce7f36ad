//! Steps of Adam and AdamW on a small network, with the peer's clipping of each weight by its own norm.

use ferroflow::autodiff::Tape;
use ferroflow::codecs::Array;
use ferroflow::nn::{Mlp, Pass, Stage};
use ferroflow::optim::{Clipping, Optimizer, Schedule};

use super::{config, tensor, weights};
use crate::common::golden::{Check, Outcome};

pub fn optimiser(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    let mlp: Mlp = config(&hyper["network"]["hyper"])?;
    let features = *check.input("x")?.shape().last().ok_or("x is a scalar")?;
    let (mut parameters, built) = weights(check, |builder| mlp.build(builder, features))?;
    let number = |name: &str| hyper[name].as_f64();
    let rate = &hyper["learning_rate"];
    let part = |name: &str| rate[name].as_f64().unwrap_or(0.0);
    let schedule = match rate.as_f64() {
        Some(rate) => Schedule::Constant { rate },
        None => {
            let warmup = part("warmup_steps") as u64;
            let initial = part("initial_learning_rate");
            let target = rate["warmup_target"].as_f64().unwrap_or(initial);
            Schedule::Cosine { initial, target, warmup, decay: part("decay_steps") as u64, floor: part("alpha") }
        }
    };
    let options = Optimizer {
        beta1: number("beta_1").unwrap_or(0.9),
        beta2: number("beta_2").unwrap_or(0.999),
        epsilon: number("epsilon").unwrap_or(1e-7),
        weight_decay: number("weight_decay").unwrap_or(0.0),
        clipping: number("clipnorm").map_or(Clipping::None, Clipping::PerTensor),
        ..Optimizer::default()
    };
    let device = parameters.device().clone();
    let (x, y) = (tensor(&device, check.input("x")?)?, tensor(&device, check.input("y")?)?);
    let rows = check.input("x")?.shape()[0] as f64;
    let mut optimizer = options.build(schedule, &parameters)?;
    let (mut losses, mut rates) = (Vec::new(), Vec::new());
    let names: Vec<String> = parameters.layout().entries().iter().map(|entry| entry.name.clone()).collect();
    for step in 0..hyper["steps"].as_u64().ok_or("steps is missing")? {
        let tape = Tape::new(&device);
        let pass = Pass::inference(&tape, &parameters).with(Stage::Inference, true);
        let error = built.forward(&pass, tape.constant(x.clone())) - tape.constant(y.clone());
        let loss = (error * error).sum() / rows;
        losses.push(loss.value()?.item()?);
        let gradients = pass.gradients(loss)?;
        for name in &names {
            let full = format!("grad.{step}.{name}");
            if check.case.get(&format!("out/{full}")).is_some() {
                check.output(&full, &gradients.get(name)?);
            }
        }
        rates.push(optimizer.step(&mut parameters, &gradients)?.learning_rate);
        for name in &names {
            let full = format!("after.{step}.{name}");
            if check.case.get(&format!("out/{full}")).is_some() {
                check.output(&full, &parameters.get(name)?);
            }
        }
    }
    let steps = [losses.len()];
    check.output("loss_at_step", &Array::f32(steps, losses)?);
    check.output("lr_at_step", &Array::vector(rates));
    if let Some(reference) = check.case.get("out/lr_schedule") {
        let all = (0..reference.len() as u64).map(|step| schedule.rate(step)).collect();
        check.output("lr_schedule", &Array::vector(all));
    }
    Ok(())
}
