//! Recurrent layers.

use ferroflow::nn::{Recurrent, Sets};
use ferroflow::ops::{RecurrentCell, States};

use super::{attention, layer, weights};
use crate::common::golden::{Check, Outcome};

pub fn gru(check: &mut Check) -> Outcome {
    recurrent(check, RecurrentCell::Gru, false)
}

pub fn lstm(check: &mut Check) -> Outcome {
    recurrent(check, RecurrentCell::Lstm, false)
}

pub fn bidirectional_gru(check: &mut Check) -> Outcome {
    recurrent(check, RecurrentCell::Gru, true)
}

pub fn bidirectional_lstm(check: &mut Check) -> Outcome {
    recurrent(check, RecurrentCell::Lstm, true)
}

fn recurrent(check: &mut Check, cell: RecurrentCell, bidirectional: bool) -> Outcome {
    let hyper = check.hyper();
    let units = hyper["units"].as_u64().ok_or("units is missing")? as usize;
    let sequences = hyper["return_sequences"].as_bool().unwrap_or(false);
    let config = Recurrent { cell, units, dropout: 0.0 };
    let [series, steps, features] = check.input("x")?.shape().try_into()?;
    let (states, width) =
        (if sequences { States::All } else { States::Final }, if bidirectional { 2 * units } else { units });
    let (parameters, built) = weights(check, |builder| {
        Ok(match bidirectional {
            true => (None, Some(config.build_bidirectional(builder, features)?)),
            false => (Some(config.build(builder, features)?), None),
        })
    })?;
    let offsets = attention::offsets(parameters.device(), series, steps)?;
    layer(check, &parameters, &["x"], |pass, x| {
        let x = Sets { rows: x[0].reshape([series * steps, features]), offsets: pass.tape().constant(offsets) };
        let y = match built {
            (Some(one), _) => one.forward(pass, x, false, states),
            (_, Some(both)) => both.forward(pass, x, states),
            (None, None) => return Err("no layer was built".into()),
        };
        Ok(if sequences { y.reshape([series, steps, width]) } else { y })
    })
}
