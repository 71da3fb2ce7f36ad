//! Names and shapes of a model's variables, read from an example.

use crate::adapters::{Adapter, Role};
use crate::data::Record;
use crate::error::Result;
use crate::io::{DensityOf, VariableInfo};
use crate::simulators::{self, Simulator};

/// The parameters, and the data with conditions, that an adapter makes of an example.
pub(super) fn describe_variables(
    adapter: &Adapter,
    example: &Record,
) -> Result<(Vec<VariableInfo>, Vec<VariableInfo>)> {
    let (mut parameters, mut data) = (Vec::new(), Vec::new());
    for row in adapter.describe(example)?.variables {
        match row.role {
            Role::InferenceVariables => parameters.push(variable_info(&row.name, example, false)?),
            Role::InferenceConditions => data.push(variable_info(&row.name, example, false)?),
            Role::SummaryVariables => data.push(variable_info(&row.name, example, true)?),
            _ => {}
        }
    }
    Ok((parameters, data))
}

/// What a density of these variables is the density of, by what the simulator declares them to be.
pub(super) fn density_of(simulator: &dyn Simulator, variables: &[VariableInfo]) -> Option<DensityOf> {
    let declared = simulator.variables();
    let are = |role: simulators::Role| {
        let is = |info: &VariableInfo| declared.iter().any(|v| v.name == info.name && v.role == role);
        !variables.is_empty() && variables.iter().all(is)
    };
    match (are(simulators::Role::Parameter), are(simulators::Role::Data)) {
        (true, _) => Some(DensityOf::Parameters),
        (_, true) => Some(DensityOf::Data),
        _ => None,
    }
}

/// The shapes of sets whose elements are scored one by one.
pub(super) fn describe_sets(keys: &[String], example: &Record) -> Result<Vec<VariableInfo>> {
    keys.iter().map(|key| variable_info(key, example, true)).collect()
}

/// The shape of a column; the elements of a set are not counted in its dimension.
fn variable_info(name: &str, example: &Record, is_set: bool) -> Result<VariableInfo> {
    let column = example.column(name)?;
    let shape = column.array.shape();
    let outer = match (&column.offsets, column.shared) {
        (None, true) => 0,
        (None, false) => 1 + usize::from(is_set),
        (Some(_), _) => 1,
    };
    let axes = shape.len() + usize::from(column.offsets.is_some()) + usize::from(column.shared);
    Ok(VariableInfo { name: name.to_string(), dimension: shape.iter().skip(outer).product(), axes })
}
