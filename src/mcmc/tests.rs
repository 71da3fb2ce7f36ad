use std::cell::Cell;

use super::convergence::{e_bfmi, ess_bulk, ess_mean, ess_tail, r_hat};
use super::*;
use crate::math::{mean, variance};
use crate::random::Key;
use rand_distr::{Distribution, StandardNormal};

/// A normal density with standard deviations `s`, and the correlation `r` between the first two variables.
fn correlated(s: Vec<f64>, r: f64) -> impl LogDensity {
    pointwise(s.len(), move |x, gradient| {
        let z: Vec<f64> = x.iter().zip(&s).map(|(x, s)| x / s).collect();
        let rest = 1.0 / (1.0 - r * r);
        let mut force: Vec<f64> = z.iter().map(|z| -z).collect();
        (force[0], force[1]) = (-(z[0] - r * z[1]) * rest, -(z[1] - r * z[0]) * rest);
        let value: f64 = z.iter().zip(&force).map(|(z, force)| 0.5 * z * force).sum();
        gradient.iter_mut().zip(&force).zip(&s).for_each(|((g, force), s)| *g = force / s);
        Ok(value)
    })
}

fn assert_near(what: &str, got: f64, expected: f64, error: f64) {
    assert!((got - expected).abs() <= error, "{what}: {got} for {expected} ± {error}");
}

#[test]
fn a_correlated_normal_distribution() {
    for mass_matrix in [MassMatrix::Diagonal, MassMatrix::Dense] {
        let s = [3.0, 0.1, 1.0];
        let density = correlated(s.to_vec(), 0.9);
        let chains = Nuts { mass_matrix, ..Nuts::default() }.sample(&density, None, Key::new(1)).unwrap();
        assert!(chains.verdict().reliable, "{mass_matrix:?}: {}", chains.verdict().sentence);
        let summary = chains.summary();
        for (summary, s) in summary.iter().zip(s) {
            assert_near("mean", summary.mean, 0.0, 4.0 * summary.standard_error);
            // The variance of a variance is 2 s⁴/n.
            assert_near("std", summary.std / s, 1.0, 4.0 / (2.0 * summary.ess_tail.min(summary.ess_bulk)).sqrt());
            assert_near("upper quantile", summary.quantiles[2] / s, 1.645, 0.15);
        }
        let [a, b] = [0, 1].map(|variable| chains.variable(variable).concat());
        let products: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a * b / (s[0] * s[1])).collect();
        assert_near("correlation", mean(&products), 0.9, 0.12);
        chains.acceptance().iter().for_each(|&a| assert_near("acceptance", a, 0.86, 0.12));
        assert_eq!((chains.values().len(), chains.divergences(), chains.outside()), (4 * 1000 * 3, 0, 0));
        assert_eq!(chains.chain(3), &chains.values()[3 * 3000..]);
    }
}

/// `x ~ N(0, 1)`, `y ~ N(x², ½)`: mean of y 1, its variance 2 + ¼.
#[test]
fn a_banana() {
    let banana = pointwise(2, |x, gradient| {
        let difference = x[1] - x[0] * x[0];
        (gradient[0], gradient[1]) = (-x[0] + 8.0 * x[0] * difference, -4.0 * difference);
        Ok(-0.5 * x[0] * x[0] - 2.0 * difference * difference)
    });
    let settings = Nuts { draws: 4000, target_acceptance: 0.9, ..Nuts::default() };
    let chains = settings.sample(&banana, None, Key::new(2)).unwrap();
    let summary = chains.summary();
    assert!(summary.iter().all(|s| s.r_hat < 1.02 && s.ess_bulk > 800.0), "{summary:?}");
    assert_near("mean of x", summary[0].mean, 0.0, 4.0 * summary[0].standard_error);
    assert_near("mean of y", summary[1].mean, 1.0, 4.0 * summary[1].standard_error);
    assert_near("variance of x", summary[0].std.powi(2), 1.0, 0.1);
    assert_near("variance of y", summary[1].std.powi(2), 2.25, 0.3);
}

/// A half-normal variable, as a density that is 0 below 0: its mean is √(2/π).
#[test]
fn a_truncated_density() {
    let half = pointwise(1, |x, gradient| {
        gradient[0] = -x[0];
        Ok(if x[0] < 0.0 { f64::NEG_INFINITY } else { -0.5 * x[0] * x[0] })
    });
    let chains = Nuts { draws: 5000, ..Nuts::default() }.sample(&half, None, Key::new(3)).unwrap();
    let summary = chains.summary()[0];
    assert!(chains.values().iter().all(|&x| x >= 0.0) && chains.outside() > 0 && chains.divergences() == 0);
    assert!(summary.r_hat < 1.02, "{summary:?}");
    assert_near("mean", summary.mean, (2.0 / std::f64::consts::PI).sqrt(), 5.0 * summary.standard_error);
    assert_near("std", summary.std, (1.0 - 2.0 / std::f64::consts::PI).sqrt(), 0.03);
}

#[test]
fn chains_in_two_modes_are_found_out() {
    let modes = pointwise(1, |x, gradient| {
        let [a, b] = [-0.5 * (x[0] - 20.0).powi(2), -0.5 * (x[0] + 20.0).powi(2)];
        gradient[0] = if a > b { 20.0 - x[0] } else { -20.0 - x[0] };
        Ok(a.max(b))
    });
    let settings = Nuts { warmup: 200, draws: 200, ..Nuts::default() };
    let chains = settings.sample(&modes, Some(&[-19.0, -21.0, 19.0, 21.0]), Key::new(4)).unwrap();
    assert!(chains.summary()[0].r_hat > 1.5, "{:?}", chains.summary());
    let verdict = chains.verdict();
    assert!(
        !verdict.reliable && verdict.sentence.contains("the chains disagree on variable 0"),
        "{}",
        verdict.sentence
    );
}

#[test]
fn a_funnel_is_found_out() {
    let funnel = pointwise(2, |x, gradient| {
        let scale = (-x[0]).exp();
        (gradient[0], gradient[1]) = (-x[0] / 9.0 - 0.5 + 0.5 * x[1] * x[1] * scale, -x[1] * scale);
        Ok(-x[0] * x[0] / 18.0 - 0.5 * x[0] - 0.5 * x[1] * x[1] * scale)
    });
    let chains = Nuts::default().sample(&funnel, None, Key::new(5)).unwrap();
    assert!(chains.divergences() > 0 && !chains.verdict().reliable, "{}", chains.verdict().sentence);
    assert!(chains.verdict().sentence.contains("diverged"));
}

#[test]
fn same_seed_same_bits_however_many_chains() {
    let density = correlated(vec![1.0, 2.0], 0.5);
    let draw = |chains, seed| {
        let settings = Nuts { chains, warmup: 100, draws: 50, ..Nuts::default() };
        settings.sample(&density, None, Key::new(seed)).unwrap().values()
    };
    let four = draw(4, 1);
    assert_eq!(four, draw(4, 1));
    assert_eq!(four[..200], draw(2, 1));
    assert_ne!(four, draw(4, 2));
    assert_ne!(four[..100], four[100..200]);
}

/// All chains that still run are evaluated together.
#[test]
fn chains_ask_together() {
    struct Counted(Cell<usize>, Cell<usize>);
    impl LogDensity for Counted {
        fn dimension(&self) -> usize {
            1
        }
        fn evaluate(&self, points: &[f64], log_densities: &mut [f64], gradients: &mut [f64]) -> Result<()> {
            self.0.set(self.0.get() + 1);
            self.1.set(self.1.get().max(points.len()));
            for i in 0..points.len() {
                (log_densities[i], gradients[i]) = (-0.5 * points[i] * points[i], -points[i]);
            }
            Ok(())
        }
    }
    let counted = Counted(Cell::new(0), Cell::new(0));
    let chains =
        Nuts { chains: 8, warmup: 50, draws: 50, ..Nuts::default() }.sample(&counted, None, Key::new(1)).unwrap();
    assert_eq!(counted.1.get(), 8);
    assert!(chains.evaluations() > 5 * counted.0.get(), "{} in {}", chains.evaluations(), counted.0.get());
}

#[test]
fn faults_are_named() {
    let of = |settings: Nuts, f: fn(f64) -> f64, starts: Option<&[f64]>| {
        let density = pointwise(1, move |x, gradient| {
            gradient[0] = -x[0];
            Ok(f(x[0]))
        });
        settings.sample(&density, starts, Key::new(1)).unwrap_err().to_string()
    };
    let normal = |x: f64| -0.5 * x * x;
    let one = Nuts { chains: 1, warmup: 20, draws: 20, ..Nuts::default() };
    let nan = of(one.clone(), |_| f64::NAN, Some(&[0.25]));
    assert!(nan.contains("log density: is NaN at [0.250000] in chain 0"), "{nan}");
    let outside = of(one.clone(), |_| f64::NEG_INFINITY, None);
    assert!(outside.contains("100 points"), "{outside}");
    let outside = of(one.clone(), |_| f64::NEG_INFINITY, Some(&[0.5]));
    assert!(outside.contains("[0.500000], which has density 0"), "{outside}");
    let flat = pointwise(1, |_, gradient| {
        gradient[0] = 0.0;
        Ok(0.0)
    });
    let flat = one.sample(&flat, None, Key::new(1)).unwrap_err().to_string();
    assert!(flat.contains("log density: is flat around"), "{flat}");
    assert!(of(one.clone(), normal, Some(&[1.0, 2.0])).contains("2 numbers for 1 chains"));
    assert!(of(one.clone(), normal, Some(&[f64::NAN])).contains("not finite"));
    assert!(of(Nuts { target_acceptance: 1.0, ..one.clone() }, normal, None).contains("target_acceptance: 1"));
    assert!(of(Nuts { max_depth: 0, ..one.clone() }, normal, None).contains("max_depth"));
    assert!(of(Nuts { chains: 0, ..one }, normal, None).contains("chains: 0"));
}

fn normals(count: usize, length: usize, key: Key) -> Vec<Vec<f64>> {
    let chain = |i: usize| {
        let mut stream = key.at(i as u64).stream();
        (0..length).map(|_| StandardNormal.sample(&mut stream)).collect()
    };
    (0..count).map(chain).collect()
}

fn borrowed(chains: &[Vec<f64>]) -> Vec<&[f64]> {
    chains.iter().map(Vec::as_slice).collect()
}

#[test]
fn independent_draws_are_worth_their_number() {
    let chains = normals(4, 2000, Key::new(6));
    let chains = borrowed(&chains);
    assert_near("R̂", r_hat(&chains), 1.0, 0.003);
    for (what, ess) in [("bulk", ess_bulk(&chains)), ("tail", ess_tail(&chains)), ("mean", ess_mean(&chains))] {
        assert_near(what, ess / 8000.0, 1.0, 0.15);
    }
    assert!(r_hat(&[&[1.0; 8], &[1.0; 8]]).is_nan() && ess_bulk(&[&[0.0, 1.0]]).is_nan());
}

/// `xᵢ = a xᵢ₋₁ + √(1 − a²) εᵢ` has the effective number `S (1 − a)/(1 + a)` for the mean.
#[test]
fn correlated_draws_are_worth_less() {
    for a in [0.5f64, 0.9, -0.5] {
        let mut chains = normals(4, 20_000, Key::new(7));
        for chain in &mut chains {
            for i in 1..chain.len() {
                chain[i] = a * chain[i - 1] + (1.0 - a * a).sqrt() * chain[i];
            }
        }
        let expected = 80_000.0 * (1.0 - a) / (1.0 + a);
        assert_near(&format!("{a}"), ess_mean(&borrowed(&chains)) / expected, 1.0, 0.15);
    }
}

/// Chains that differ in scale alone are seen by the folded draws only.
#[test]
fn chains_of_different_scale_disagree() {
    let mut chains = normals(4, 1000, Key::new(8));
    chains[0].iter_mut().for_each(|x| *x *= 3.0);
    assert!(r_hat(&borrowed(&chains)) > 1.1);
    chains[0].iter_mut().for_each(|x| *x = *x / 3.0 + 2.0);
    assert!(r_hat(&borrowed(&chains)) > 1.1);
}

#[test]
fn energies_that_hardly_change_are_seen() {
    let independent = &normals(1, 5000, Key::new(9))[0];
    assert_near("independent", e_bfmi(independent), 2.0, 0.15);
    let step = |sum: &mut f64, x: &f64| {
        *sum = 0.99 * *sum + x;
        Some(*sum)
    };
    let walk: Vec<f64> = independent.iter().scan(0.0, step).collect();
    assert!(e_bfmi(&walk) < 0.1 && variance(&walk, 0) > 1.0);
}

/// Smooth and rough sequences against the values of ArviZ (arviz-stats 0.8.0): R̂ of rank, ESS bulk, tail, mean.
#[test]
fn convergence_agrees_with_arviz() {
    let rows: [(usize, usize, f64, [[f64; 4]; 2]); 3] = [
        (
            4,
            50,
            0.1,
            [
                [1.0713234441363535, 119.31356415096003, 159.85115996506812, 121.00425994770235],
                [1.9598824358055567, 6.17491660054277, 21.534842430105027, 5.390160237232666],
            ],
        ),
        (
            3,
            41,
            0.0,
            [
                [1.0394817602967952, 76.71782894039971, 141.84502530293886, 78.49896418385627],
                [2.2820817465888696, 4.6171233127232565, 11.429144318010934, 4.342697024616941],
            ],
        ),
        (
            1,
            40,
            0.0,
            [
                [f64::NAN, 24.491884419623492, 44.679600235155775, 25.0031816849908],
                [f64::NAN, 6.8775991023229714, 16.681299385425792, 7.118131121365558],
            ],
        ),
    ];
    for (count, length, shift, expected) in rows {
        let (mut waves, mut walks) = (Vec::new(), Vec::new());
        for c in (0..count).map(|c| c as f64) {
            let index = || (0..length).map(|i| i as f64);
            let wave = |i: f64| (1.3 * i + c).sin() + 0.3 * (0.7 * i * i + 2.0 * c).sin() + shift * c + 0.02 * i;
            waves.push(index().map(wave).collect::<Vec<_>>());
            let step = |sum: &mut f64, i: f64| {
                *sum += (2.1 * i * i + c).sin();
                Some(*sum)
            };
            walks.push(index().scan(0.0, step).collect());
        }
        for (chains, expected) in [waves, walks].iter().zip(expected) {
            let chains = borrowed(chains);
            let values = [r_hat(&chains), ess_bulk(&chains), ess_tail(&chains), ess_mean(&chains)];
            for ((got, expected), what) in values.into_iter().zip(expected).zip(["R̂", "bulk", "tail", "mean"]) {
                // ArviZ has no R̂ of a single chain.
                if !expected.is_nan() {
                    assert_near(&format!("{what} of {count} chains"), got, expected, 1e-6 * expected);
                }
            }
        }
    }
}
