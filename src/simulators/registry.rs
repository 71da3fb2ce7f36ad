//! The built-in simulators by name.

use crate::error::{Error, Result, nearest};
use crate::simulators::*;

fn all() -> Vec<Box<dyn Simulator>> {
    let mut simulators: Vec<Box<dyn Simulator>> = vec![
        Box::new(LinearRegression::default()),
        Box::new(DriftDiffusion::default()),
        Box::new(Sir::default()),
        Box::new(Sir::daily()),
        Box::new(TwoMoons::default()),
        Box::new(GaussianLinear::default()),
        Box::new(GaussianLinearUniform::default()),
        Box::new(GaussianMixture::default()),
        Box::new(SimpleLikelihood::default()),
        Box::new(SimpleLikelihoodDistractors::default()),
        Box::new(BernoulliGlm::default()),
        Box::new(BernoulliGlmRaw::default()),
        Box::new(LotkaVolterra::default()),
        Box::new(InverseKinematics::default()),
    ];
    simulators.extend(sbibm_tasks());
    simulators
}

/// Names and descriptions of the built-in simulators.
pub fn list() -> Vec<(String, String)> {
    all().iter().map(|s| (s.name().to_string(), s.description().to_string())).collect()
}

/// A built-in simulator with its default options. The error for an unknown name lists the names there are.
pub fn find(name: &str) -> Result<Box<dyn Simulator>> {
    let mut simulators = all();
    if let Some(i) = simulators.iter().position(|s| s.name() == name) {
        return Ok(simulators.swap_remove(i));
    }
    let names: Vec<_> = simulators.iter().map(|s| s.name()).collect();
    let near = nearest(name, names.iter().copied());
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    Err(Error::argument(
        "simulator",
        format!("'{name}' is unknown; {hint}the built-in simulators are: {}", names.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_found() {
        for (name, description) in list() {
            assert_eq!(find(&name).unwrap().name(), name);
            assert!(description.len() > 20, "{name} has no description");
        }
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        let message = find("two_moon").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("did you mean two-moons?") && message.contains("linear-regression"), "{message}");
        let message = find("xyz").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(!message.contains("did you mean"), "{message}");
    }
}
