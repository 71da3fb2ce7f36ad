//! The built-in simulators by name.

use crate::error::{Error, Result};
use crate::simulators::{
    GaussianLinear, GaussianLinearUniform, GaussianMixture, InverseKinematics, LinearRegression, SimpleLikelihood,
    Simulator, TwoMoons,
};

fn all() -> Vec<Box<dyn Simulator>> {
    vec![
        Box::new(LinearRegression::default()),
        Box::new(TwoMoons::default()),
        Box::new(GaussianLinear::default()),
        Box::new(GaussianLinearUniform::default()),
        Box::new(GaussianMixture::default()),
        Box::new(SimpleLikelihood::default()),
        Box::new(InverseKinematics::default()),
    ]
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
    let near = names.iter().map(|n| (edit_distance(n, name), n)).min().filter(|(distance, n)| *distance <= n.len() / 3);
    let hint = near.map(|(_, n)| format!("did you mean {n}? ")).unwrap_or_default();
    Err(Error::argument(
        "simulator",
        format!("'{name}' is unknown; {hint}the built-in simulators are: {}", names.join(", ")),
    ))
}

/// Number of letters to insert, delete or replace (Levenshtein 1966); letter case and `_` for `-` do not count.
fn edit_distance(a: &str, b: &str) -> usize {
    let letters = |s: &str| s.to_lowercase().replace('_', "-").chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances() {
        for (a, b, distance) in [("kitten", "sitting", 3), ("", "abc", 3), ("two_moons", "Two-Moons", 0)] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

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
