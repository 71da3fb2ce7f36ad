//! Metrics of the validation data, computed after each epoch.

use std::sync::Arc;

use super::builder::WorkflowBuilder;
use crate::approximators::Approximator;
use crate::diagnostics::{LatestDiscrepancy, MeanRootSquaredError, StreamingMetric};
use crate::error::{Error, Result, nearest};

/// A metric that has seen nothing yet.
pub(super) type NewMetric = Arc<dyn Fn() -> Box<dyn StreamingMetric> + Send + Sync>;

/// The metrics that configurations know by name.
const NAMES: [&str; 2] = ["root_mean_squared_error", "maximum_mean_discrepancy"];

impl<A: Approximator> WorkflowBuilder<A> {
    /// A metric that every fit computes on its validation data after each epoch, and writes into its
    /// [`History`](super::History).
    ///
    /// It compares one draw for each data set of the validation with the truth, both `[datasets, D]` and standardised, with the weights
    /// that the validation loss is computed with. All data sets come in one update, and in every epoch with the same random numbers.
    /// Training itself does not change by a bit.
    ///
    /// The fit refuses metrics without validation data, two of one name, and metrics of networks that draw nothing, such as ratios.
    ///
    /// ```
    /// use ferroflow::diagnostics::MeanRootSquaredError;
    /// use ferroflow::prelude::*;
    /// let workflow = BasicWorkflow::for_simulator(LinearRegression::default())?.metric(MeanRootSquaredError::new()).build()?;
    /// # Ok::<(), ferroflow::Error>(())
    /// ```
    pub fn metric(self, metric: impl StreamingMetric + Clone + Send + Sync + 'static) -> Self {
        self.new_metric(Arc::new(move || Box::new(metric.clone())))
    }

    /// As [`metric`](Self::metric), by name: `root_mean_squared_error` or `maximum_mean_discrepancy`.
    pub fn metric_named(self, name: &str) -> Result<Self> {
        match name {
            "root_mean_squared_error" => Ok(self.metric(MeanRootSquaredError::new())),
            "maximum_mean_discrepancy" => Ok(self.metric(LatestDiscrepancy::default())),
            _ => {
                let hint = nearest(name, NAMES).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
                let message = format!("'{name}' is unknown; {hint}the names are: {}", NAMES.join(", "));
                Err(Error::argument("metrics", message))
            }
        }
    }

    /// An error for metrics that cannot be computed; `validated` says whether there are validation data.
    pub(super) fn check_metrics(&self, validated: bool) -> Result<()> {
        check::<A>(self.metrics(), validated)
    }
}

/// An error for metrics that cannot be computed; `validated` says whether there are validation data.
pub(super) fn check<A: Approximator>(metrics: &[NewMetric], validated: bool) -> Result<()> {
    let names: Vec<&str> = metrics.iter().map(|new| new().name()).collect();
    let message = match &names[..] {
        [] => return Ok(()),
        _ if A::COMPARED.is_none() => {
            format!("a {} model draws nothing that they could compare with the truth; leave them out", A::KIND)
        }
        _ if !validated => {
            "are computed on validation data, and there are none; add --validation 300, or give Validation::Simulations(300)"
                .to_string()
        }
        names => match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            Some((_, name)) => format!("two have the name '{name}'; give one of them another"),
            None => match names.iter().find(|name| name.contains([',', '\n'])) {
                Some(name) => format!("'{name}' cannot head a column of numbers; leave out comma and line break"),
                None => return Ok(()),
            },
        },
    };
    Err(Error::argument("metrics", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approximators::{ContinuousApproximator, RatioApproximator};

    #[test]
    fn metrics_that_cannot_be_computed_are_refused() {
        let builder = WorkflowBuilder::<ContinuousApproximator>::new(None);
        let unknown = builder.clone().metric_named("root_mean_square_error").map(drop).unwrap_err().to_string();
        assert!(unknown.contains("did you mean root_mean_squared_error?"), "{unknown}");
        assert!(NAMES.into_iter().all(|name| builder.clone().metric_named(name).is_ok()));
        let one: NewMetric = Arc::new(|| Box::new(MeanRootSquaredError::new()));
        let two = [one.clone(), one.clone()];
        for (outcome, expected) in [
            (check::<ContinuousApproximator>(&two[..1], false), "there are none; add --validation"),
            (check::<ContinuousApproximator>(&two, true), "two have the name 'root_mean_squared_error'"),
            (check::<RatioApproximator>(&two[..1], true), "a ratio model draws nothing"),
        ] {
            let message = outcome.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(check::<ContinuousApproximator>(&two[..1], true).is_ok());
        assert!(check::<RatioApproximator>(&[], false).is_ok());
    }
}
