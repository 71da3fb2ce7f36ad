//! Whether chains have forgotten where they started, and how much their draws are worth (Vehtari et al. 2021, "Rank-normalization,
//! folding, and localization: an improved R̂", arXiv:1903.08008). The arguments are chains of equal length.

use crate::math::{mean, normal_quantile, quantile, variance};

/// Both halves of each chain; the draw in the middle of an odd number is left out.
fn split(chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let halves = chains.iter().flat_map(|chain| {
        let half = chain.len() / 2;
        [chain[..half].to_vec(), chain[chain.len() - half..].to_vec()]
    });
    halves.collect()
}

/// Each draw replaced by `Φ⁻¹((r − ⅜)/(S + ¼))` with its rank `r` among all `S` draws; ties share the mean of their ranks.
fn rank_normalised(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let all: Vec<f64> = chains.concat();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].total_cmp(&all[b]));
    let mut scores = vec![0.0; all.len()];
    for ties in order.chunk_by(|&a, &b| all[a] == all[b]) {
        let first = order.partition_point(|&k| all[k] < all[ties[0]]);
        let rank = first as f64 + 0.5 * (ties.len() + 1) as f64;
        let score = normal_quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        ties.iter().for_each(|&k| scores[k] = score);
    }
    let length = chains.first().map_or(1, Vec::len).max(1);
    scores.chunks(length).map(<[f64]>::to_vec).collect()
}

/// Distances from the median of all draws.
fn folded(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut all = chains.concat();
    all.sort_by(f64::total_cmp);
    let median = quantile(&all, 0.5);
    chains.iter().map(|chain| chain.iter().map(|x| (x - median).abs()).collect()).collect()
}

/// `√((W (n − 1)/n + B/n)/W)` with the variances within and between the chains.
fn plain_r_hat(chains: &[Vec<f64>]) -> f64 {
    let n = chains.first().map_or(0, Vec::len) as f64;
    let within = mean(&chains.iter().map(|chain| variance(chain, 1)).collect::<Vec<_>>());
    let between = variance(&chains.iter().map(|chain| mean(chain)).collect::<Vec<_>>(), 1);
    (((n - 1.0) / n * within + between) / within).sqrt()
}

/// The rank-normalised split R̂: the larger of that of the draws and that of their distances from the median. Near 1 when the
/// chains agree in place and in scale; NaN for fewer than 4 draws or when no draw differs.
pub fn r_hat(chains: &[&[f64]]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    let halves = split(chains);
    let (place, scale) = (plain_r_hat(&rank_normalised(&halves)), plain_r_hat(&rank_normalised(&folded(&halves))));
    // The distances of two-valued draws may all be equal.
    if scale.is_nan() { place } else { place.max(scale) }
}

/// Effective number of draws for the middle of the distribution.
pub fn ess_bulk(chains: &[&[f64]]) -> f64 {
    if usable(chains) { plain_ess(&rank_normalised(&split(chains))) } else { f64::NAN }
}

/// Effective number of draws for the quantiles 0.05 and 0.95: the smaller of both.
pub fn ess_tail(chains: &[&[f64]]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    let mut all = chains.concat();
    all.sort_by(f64::total_cmp);
    let of_tail = |q: f64| {
        let bound = quantile(&all, q);
        let below = |chain: &Vec<f64>| chain.iter().map(|&x| f64::from(u8::from(x <= bound))).collect();
        plain_ess(&split(chains).iter().map(below).collect::<Vec<_>>())
    };
    of_tail(0.05).min(of_tail(0.95))
}

/// Effective number of draws for the mean.
pub fn ess_mean(chains: &[&[f64]]) -> f64 {
    if usable(chains) { plain_ess(&split(chains)) } else { f64::NAN }
}

/// Whether there is something to compare: finite draws that differ.
fn usable(chains: &[&[f64]]) -> bool {
    let draws = || chains.iter().flat_map(|chain| chain.iter());
    let first = draws().next();
    chains.iter().all(|chain| chain.len() >= 4 && chain.len() == chains[0].len())
        && draws().all(|x| x.is_finite())
        && draws().any(|x| Some(x) != first)
}

/// `Σ (xᵢ − x̄)(xᵢ₊ₗ − x̄)/n` of a chain for one lag `l`.
fn autocovariance(centred: &[f64], lag: usize) -> f64 {
    centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>() / centred.len() as f64
}

/// `S/(1 + 2 Σ ρₗ)`, the autocorrelations of all chains together, summed in pairs as long as these are positive and do not rise
/// (Geyer 1992).
fn plain_ess(chains: &[Vec<f64>]) -> f64 {
    let n = chains.first().map_or(0, Vec::len);
    let total = (n * chains.len()) as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let centred: Vec<Vec<f64>> =
        chains.iter().zip(&means).map(|(chain, mean)| chain.iter().map(|x| x - mean).collect()).collect();
    let at = |lag: usize| mean(&centred.iter().map(|chain| autocovariance(chain, lag)).collect::<Vec<_>>());
    let scale = n as f64 / (n as f64 - 1.0);
    let within = at(0) * scale;
    let between = if chains.len() > 1 { variance(&means, 1) } else { 0.0 };
    let pooled = within / scale + between;
    if pooled <= 0.0 {
        return f64::NAN;
    }
    let correlation = |lag: usize| if lag == 0 { 1.0 } else { 1.0 - (within - at(lag)) / pooled };
    let (mut sum, mut smallest) = (0.0, f64::INFINITY);
    let end = n.saturating_sub(2);
    for lag in (0..end).step_by(2) {
        let (even, odd) = (correlation(lag), correlation(lag + 1));
        if even + odd <= 0.0 || lag + 2 >= end {
            // The even one alone still counts when it is positive, which makes antithetic chains less extreme.
            sum += 0.5 * even.max(0.0);
            break;
        }
        smallest = smallest.min(even + odd);
        sum += smallest;
    }
    // Antithetic chains are worth more than independent draws, but not without bound.
    let time = (2.0 * sum - 1.0).max(1.0 / total.log10());
    total / time
}

/// The energy Bayesian fraction of missing information of one chain, `Σ(Eᵢ − Eᵢ₋₁)²/Σ(Eᵢ − Ē)²`: below 0.3 the momenta do not reach
/// all energies, as in heavy tails (Betancourt 2016, arXiv:1604.00695).
pub fn e_bfmi(energies: &[f64]) -> f64 {
    let steps: f64 = energies.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    steps / (variance(energies, 0) * energies.len() as f64)
}
