//! Ensembles in folders and files.

use std::path::Path;

use super::EnsembleWorkflow;
use crate::approximators::{Approximator, ContinuousApproximator};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::VariableInfo;
use crate::workflow::basic::Workflow;

impl EnsembleWorkflow<ContinuousApproximator> {
    /// [`of_folder`](Self::of_folder) for posteriors.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        EnsembleWorkflow::of_folder(folder, device)
    }

    /// [`of_files`](Self::of_files) for posteriors.
    pub fn from_files(paths: &[impl AsRef<Path>], device: &Device) -> Result<Self> {
        EnsembleWorkflow::of_files(paths, device)
    }
}

impl<A: Approximator> EnsembleWorkflow<A> {
    /// Writes each member's model to `FOLDER/NAME/model.safetensors`.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        for (name, member) in self.members() {
            let own = folder.as_ref().join(name);
            std::fs::create_dir_all(&own)
                .map_err(|e| Error::file(&own, format!("the folder cannot be made ({e}); name another one")))?;
            member.save(own.join("model.safetensors"))?;
        }
        Ok(())
    }

    /// Reads the members that [`save`](Self::save) wrote, in alphabetical order of their names.
    pub fn of_folder(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let unreadable = |e: std::io::Error| Error::file(folder, format!("the folder cannot be read ({e})"));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.path().join("model.safetensors").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        let load = |name: String| {
            let path = folder.join(&name).join("model.safetensors");
            Ok((name, Workflow::load(path, None, device.clone())?))
        };
        EnsembleWorkflow::of_members(names.into_iter().map(load).collect::<Result<Vec<_>>>()?)
    }

    /// Members from model files, named by their place from 0 on. They infer the same parameters from the same data.
    pub fn of_files(paths: &[impl AsRef<Path>], device: &Device) -> Result<Self> {
        let mut members: Vec<(String, Workflow<A>)> = Vec::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let member = Workflow::<A>::load(path.as_ref(), None, device.clone())?;
            if let Some((_, first)) = members.first() {
                let names = |member: &Workflow<A>| {
                    let list = |of: &[VariableInfo]| of.iter().map(|v| v.name.clone()).collect::<Vec<_>>().join(", ");
                    format!("{} from {}", list(member.parameters()), list(member.data_variables()))
                };
                if (first.parameters(), first.data_variables()) != (member.parameters(), member.data_variables()) {
                    let message = format!(
                        "infers {}, the first model {}; the members of an ensemble infer the same from the same",
                        names(&member),
                        names(first)
                    );
                    return Err(Error::file(path.as_ref(), message));
                }
            }
            members.push((number.to_string(), member));
        }
        EnsembleWorkflow::of_members(members)
    }
}
