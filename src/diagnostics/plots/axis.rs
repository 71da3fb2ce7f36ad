//! Limits of an axis, its ticks and their numbers.

/// The part of the line that an axis shows: `low < high`, both finite, the difference too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub low: f64,
    pub high: f64,
}

/// Numbers beyond this are treated as not finite: their differences overflow.
pub const LARGEST: f64 = 1e300;

/// Ranges smaller than this times the magnitude count as one single value: about 10 significant digits are drawn.
const SMALLEST_RELATIVE_RANGE: f64 = 1e-10;

/// Whether a number can be drawn.
pub fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

impl Limits {
    /// Limits that are given and known to be in order.
    pub const fn fixed(low: f64, high: f64) -> Self {
        Limits { low, high }
    }

    /// The range of the drawable values, widened if it is a single value; `None` if there are no such values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| drawable(*value)) {
            low = low.min(value);
            high = high.max(value);
        }
        (low <= high).then(|| Limits { low, high }.widened())
    }

    fn widened(self) -> Self {
        let magnitude = self.low.abs().max(self.high.abs());
        if self.high - self.low > magnitude * SMALLEST_RELATIVE_RANGE && self.high - self.low > 1e-290 {
            return self;
        }
        let half = if magnitude > 1e-280 { 0.1 * magnitude } else { 0.5 };
        let middle = self.low / 2.0 + self.high / 2.0;
        Limits { low: middle - half, high: middle + half }
    }

    pub fn range(&self) -> f64 {
        self.high - self.low
    }

    /// Limits with a share of the range added at both ends.
    pub fn padded(self, share: f64) -> Self {
        Limits { low: self.low - share * self.range(), high: self.high + share * self.range() }
    }

    /// Limits that also cover `value`.
    pub fn including(self, value: f64) -> Self {
        if drawable(value) { Limits { low: self.low.min(value), high: self.high.max(value) } } else { self }
    }

    /// Limits that also cover `other`.
    pub fn union(self, other: Limits) -> Self {
        Limits { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The part that both cover, or `self` if there is none.
    pub fn within(self, other: Limits) -> Self {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        if low < high { Limits { low, high } } else { self }
    }

    /// Where `value` lies: 0 at `low`, 1 at `high`.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / self.range()
    }
}

/// Ticks, their numbers and what the numbers are to be read with, such as `×10⁵`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticks {
    pub values: Vec<f64>,
    pub labels: Vec<String>,
    pub note: Option<String>,
}

impl Ticks {
    /// About `count` ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
    ///
    /// Magnitudes from 10⁵ and below 10⁻³ share a power of ten in the note; values whose differences are small beside
    /// their magnitude share an offset.
    pub fn new(limits: Limits, count: usize) -> Self {
        let magnitude = limits.low.abs().max(limits.high.abs());
        let offset = if magnitude > 1e4 * limits.range() { round_near(limits) } else { 0.0 };
        let shifted = Limits { low: limits.low - offset, high: limits.high - offset };
        let multiples = multiples(shifted, count.max(1));
        let largest = multiples.iter().map(|(value, _)| value.abs()).fold(0.0, f64::max);
        let power = if largest != 0.0 && !(1e-3..1e5).contains(&largest) { exponent(largest) } else { 0 };
        let labels = multiples.iter().map(|&(value, last)| number(value, power, last)).collect();
        let mut note = String::new();
        if power != 0 {
            note.push_str(&format!("×10{}", superscript(power)));
        }
        if offset != 0.0 {
            let gap = if note.is_empty() { "" } else { " " };
            note.push_str(&format!("{gap}{}{}", if offset < 0.0 { "−" } else { "+" }, plain(offset.abs())));
        }
        Ticks {
            values: multiples.into_iter().map(|(value, _)| value + offset).collect(),
            labels,
            note: (!note.is_empty()).then_some(note),
        }
    }
}

/// Ticks inside of the limits, each with the exponent of its last significant digit: the step whose number of ticks is
/// next to `count`, and a finer one if it gives a single tick.
fn multiples(limits: Limits, count: usize) -> Vec<(f64, i32)> {
    let rough = limits.range() / count as f64;
    let power = exponent(rough);
    let unit = 10f64.powi(power);
    let step = |(factor, last): (f64, i32)| (factor * unit, power + last);
    let steps = [(0.5, -1), (1.0, 0), (2.0, 0), (2.5, -1), (5.0, 0), (10.0, 1)].map(step);
    let distance = |step: f64| (step / rough).ln().abs();
    let nearest = (1..steps.len()).min_by(|&a, &b| distance(steps[a].0).total_cmp(&distance(steps[b].0))).unwrap_or(1);
    let chosen = (0..=nearest).rev().map(|index| within(limits, steps[index])).find(|ticks| ticks.len() > 1);
    chosen.unwrap_or_else(|| within(limits, steps[0]))
}

/// The multiples of a step inside of the limits.
fn within(limits: Limits, (step, last): (f64, i32)) -> Vec<(f64, i32)> {
    let slack = 1e-9;
    let first = (limits.low / step - slack).ceil();
    let steps = (limits.high / step + slack).floor() - first;
    if !(0.0..1000.0).contains(&steps) {
        return Vec::new();
    }
    (0..=steps as usize).map(|index| ((first + index as f64) * step, last)).collect()
}

/// The exponent of the leading digit.
fn exponent(value: f64) -> i32 {
    let rough = value.log10().floor() as i32;
    if 10f64.powi(rough + 1) <= value { rough + 1 } else { rough }
}

/// The roundest number within ten ranges of the middle.
fn round_near(limits: Limits) -> f64 {
    let middle = limits.low / 2.0 + limits.high / 2.0;
    let candidates = (exponent(limits.range())..=exponent(middle.abs())).rev().map(|power| {
        let unit = 10f64.powi(power);
        (middle / unit).round() * unit
    });
    candidates.into_iter().find(|candidate| (candidate - middle).abs() <= 10.0 * limits.range()).unwrap_or(middle)
}

/// `value ÷ 10^power` with the digits down to 10^last.
fn number(value: f64, power: i32, last: i32) -> String {
    let decimals = (power - last).max(0) as usize;
    // Two factors: a single one overflows where the value is subnormal.
    let half = power / 2;
    let text = format!("{:.decimals$}", value / 10f64.powi(half) / 10f64.powi(power - half));
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|digit| digit == '0' || digit == '.') => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// A positive number as people write it: plain up to 10⁶, with a power of ten beyond.
fn plain(value: f64) -> String {
    let power = exponent(value);
    if (-3..6).contains(&power) {
        return format!("{value}").chars().take(14).collect();
    }
    let text = format!("{:.10}", value / 10f64.powi(power));
    let digits = text.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}×10{}", superscript(power))
}

fn superscript(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    power.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> (Vec<String>, Option<String>) {
        let ticks = Ticks::new(Limits { low, high }, 5);
        (ticks.labels, ticks.note)
    }

    #[test]
    fn usual_ranges_have_plain_numbers() {
        assert_eq!(labels(0.0, 1.0), (["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(String::from).to_vec(), None));
        assert_eq!(labels(-3.2, 3.1).0, ["−3", "−2", "−1", "0", "1", "2", "3"]);
        assert_eq!(labels(0.0, 12.0).0, ["0.0", "2.5", "5.0", "7.5", "10.0"]);
    }

    #[test]
    fn extreme_magnitudes_share_a_power_of_ten() {
        assert_eq!(labels(0.0, 4e7), (["0", "1", "2", "3", "4"].map(String::from).to_vec(), Some("×10⁷".into())));
        assert_eq!(labels(-2e-9, 2e-9).0, ["−2", "−1", "0", "1", "2"]);
        assert_eq!(labels(-2e-9, 2e-9).1.as_deref(), Some("×10⁻⁹"));
        assert_eq!(labels(0.0, 5e-300).1.as_deref(), Some("×10⁻³⁰⁰"));
        assert_eq!(labels(-1e300, 1e300).1.as_deref(), Some("×10³⁰⁰"));
    }

    #[test]
    fn small_differences_of_large_numbers_share_an_offset() {
        let (numbers, note) = labels(1_000_000.0, 1_000_010.0);
        assert_eq!(numbers, ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(note.as_deref(), Some("+1×10⁶"));
        let ticks = Ticks::new(Limits { low: 1_000_000.0, high: 1_000_010.0 }, 5);
        assert_eq!(ticks.values[1], 1_000_002.0);
    }

    #[test]
    fn a_single_value_gets_a_range() {
        for value in [0.0, 3.0, -1e-8, 1e299, 5e-320] {
            let limits = Limits::of([value, value]).unwrap();
            assert!(limits.low < value && value < limits.high, "{value}: {limits:?}");
            assert!(!Ticks::new(limits, 5).values.is_empty(), "{value}: {limits:?}");
        }
        assert_eq!(Limits::of([f64::NAN, f64::INFINITY]), None);
    }
}
