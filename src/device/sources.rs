//! The texts of the programs for GPUs. A line `// with: NAME` stands for the file `common/NAME` of the same folder, once.

/// The files of `shaders/` or of `kernels/`: the same names, and those that only one of them has.
macro_rules! sources {
    ($folder:literal, $ending:literal $(, $more:literal)*) => {
        sources!(
            @all $folder, $ending,
            "accumulate",
            "adam",
            "affine",
            "attention",
            "binary",
            "block_sums",
            "clipping",
            "columns",
            "common/activations",
            "common/affine",
            "common/block_sums",
            "common/columns",
            "common/functions",
            "common/groups",
            "common/philox",
            "common/product",
            "common/rows",
            "common/sets",
            "common/spline",
            "concatenate",
            "convolution",
            "coupling_affine",
            "coupling_flow",
            "coupling_spline",
            "dropout",
            "fill",
            "fused_flow",
            "gather_rows",
            "group_norm",
            "inverse_matrix",
            "kernel_mean",
            "linear",
            "log_sum_exp",
            "mlp",
            "moving_average",
            "muon",
            "permute_columns",
            "pooling",
            "random",
            "recurrence",
            "reduce",
            "repeat_rows",
            "row_norm",
            "segment_extreme",
            "segment_sum",
            "softmax",
            "square_norms",
            "unary"
            $(, $more)*
        )
    };
    (@all $folder:literal, $ending:literal, $($name:literal),*) => {
        $crate::device::sources::Sources {
            folder: $folder,
            ending: $ending,
            texts: &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $name, ".", $ending)))),*],
        }
    };
}
pub(super) use sources;

/// The files of a folder, embedded in the library.
pub(super) struct Sources {
    /// The folder, which has a folder `common`.
    pub(super) folder: &'static str,
    /// What the names of the files end in.
    pub(super) ending: &'static str,
    /// Names without ending, and texts.
    pub(super) texts: &'static [(&'static str, &'static str)],
}

/// What begins the line that asks for a common part.
const WITH: &str = "// with: ";

impl Sources {
    /// The text of a file with its common parts where it asks for them.
    pub(super) fn text(&self, file: &str) -> Option<String> {
        let mut text = String::new();
        self.append(file, &mut Vec::new(), &mut text)?;
        Some(text)
    }

    fn append(&self, name: &str, seen: &mut Vec<String>, text: &mut String) -> Option<()> {
        seen.push(name.to_string());
        for line in self.file(name)?.lines() {
            match line.strip_prefix(WITH).map(|part| format!("common/{}", part.trim())) {
                Some(part) if seen.contains(&part) => {}
                Some(part) => self.append(&part, seen, text)?,
                None => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        Some(())
    }

    /// The text of one file. A debug build reads it anew, so that a program can be tried without building.
    fn file(&self, name: &str) -> Option<String> {
        if cfg!(debug_assertions) {
            let path = format!("{}/{}/{name}.{}", env!("CARGO_MANIFEST_DIR"), self.folder, self.ending);
            if let Ok(text) = std::fs::read_to_string(path) {
                return Some(text);
            }
        }
        self.texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string())
    }

    /// The names of the files that lie in the folder, sorted.
    #[cfg(test)]
    pub(super) fn found(&self) -> Vec<String> {
        let root = format!("{}/{}", env!("CARGO_MANIFEST_DIR"), self.folder);
        let mut found = Vec::new();
        for (folder, prefix) in [(root.clone(), ""), (format!("{root}/common"), "common/")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == self.ending) {
                    found.push(format!("{prefix}{}", path.file_stem().unwrap().to_string_lossy()));
                }
            }
        }
        found.sort();
        found
    }
}
