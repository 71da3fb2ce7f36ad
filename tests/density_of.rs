//! Posteriors and likelihoods tell each other apart, in memory and from their files.

use std::path::Path;
use std::sync::Arc;

use ferroflow::codecs::safetensors;
use ferroflow::device::Device;
use ferroflow::io::DensityOf;
use ferroflow::mcmc::Nuts;
use ferroflow::prelude::*;
use ferroflow::simulators;
use ferroflow::workflow::SimulatorDensity;

fn fit() -> Fit {
    Fit { epochs: 1, batches_per_epoch: 5, ..Fit::default() }
}

fn flow() -> CouplingFlow {
    CouplingFlow { depth: 1, subnet: Mlp { widths: vec![16], ..Mlp::for_couplings() }, ..CouplingFlow::default() }
}

fn simulator(name: &str) -> Arc<dyn Simulator> {
    simulators::find(name).unwrap().into()
}

fn posterior(name: &str) -> BasicWorkflow {
    let builder = BasicWorkflow::for_simulator(simulator(name)).unwrap();
    let mut posterior = builder.inference_network(flow()).seed(1).build().unwrap();
    posterior.fit_online(fit()).unwrap();
    posterior
}

fn likelihood(name: &str) -> LikelihoodWorkflow {
    let likelihood = LikelihoodWorkflow::for_simulator(simulator(name)).unwrap();
    let mut likelihood = likelihood.configure(|builder| builder.inference_network(flow())).unwrap();
    likelihood.fit_online(fit()).unwrap();
    likelihood
}

/// The file as an earlier version has written it.
fn as_before(path: &Path) {
    let mut file = safetensors::read(path).unwrap();
    assert!(file.metadata.remove("density_of").is_some());
    safetensors::write(path, file.arrays.iter().map(|(key, array)| (key.as_str(), array)), &file.metadata).unwrap();
}

#[test]
fn files_say_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let [of_parameters, of_data] = ["posterior", "likelihood"].map(|name| folder.path().join(name));
    posterior("two-moons").save(&of_parameters).unwrap();
    likelihood("two-moons").workflow().save(&of_data).unwrap();
    let load = |path: &Path| BasicWorkflow::load(path, None, Device::cpu()).unwrap();
    assert_eq!(load(&of_parameters).density_of(), Some(DensityOf::Parameters));
    assert_eq!(load(&of_data).density_of(), Some(DensityOf::Data));
    assert!(LikelihoodWorkflow::load(&of_data, None, Device::cpu()).is_ok());
    let message = LikelihoodWorkflow::load(&of_parameters, None, Device::cpu()).map(drop).unwrap_err().to_string();
    assert!(message.contains("holds a posterior, and a likelihood is needed here"), "{message}");
    for path in [&of_parameters, &of_data] {
        as_before(path);
        assert_eq!(load(path).density_of(), None);
        assert!(LikelihoodWorkflow::load(path, None, Device::cpu()).is_ok(), "what is not known is accepted");
    }
}

/// A workflow that was put together by hand is known by what the simulator declares.
#[test]
fn declared_variables_tell() {
    let trained = |targets: &str, conditions: &str| {
        let adapter = Adapter::new().rename(targets, "inference_variables").rename(conditions, "inference_conditions");
        let builder = BasicWorkflow::new(simulator("two-moons")).adapter(adapter).inference_network(flow());
        let mut workflow = builder.build().unwrap();
        assert_eq!(workflow.density_of(), None);
        workflow.fit_online(fit()).unwrap();
        workflow.density_of()
    };
    assert_eq!(trained("parameters", "observables"), Some(DensityOf::Parameters));
    assert_eq!(trained("observables", "parameters"), Some(DensityOf::Data));
}

#[test]
fn the_wrong_one_is_refused() {
    let joint = |posterior: BasicWorkflow, likelihood: LikelihoodWorkflow| {
        JointWorkflow::new(simulator("two-moons"), posterior, likelihood).map(drop)
    };
    let moons = simulators::find("two-moons").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    likelihood("two-moons").workflow().save(&path).unwrap();
    let exchanged = || BasicWorkflow::load(&path, None, Device::cpu()).unwrap();
    let observed = moons.simulate(2, 1).unwrap();
    let density = SimulatorDensity(&*moons);
    for (outcome, expected) in [
        (joint(exchanged(), likelihood("two-moons")), "is a likelihood, and draws of a posterior are needed here"),
        (joint(posterior("linear-regression"), likelihood("two-moons")), "give two models of the same simulations"),
        (exchanged().refine(&observed, 10, &density).map(drop), "is a likelihood"),
        (exchanged().sample_exactly(&observed, &density, &Nuts::default()).map(drop), "is a likelihood"),
    ] {
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(joint(posterior("two-moons"), likelihood("two-moons")).is_ok());
}
