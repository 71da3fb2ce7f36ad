//! The text of the shaders. A line `// with: NAME` stands for the file `common/NAME.wgsl`, once.

macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))),*]
    };
}

/// The files of `shaders/`.
static TEXTS: &[(&str, &str)] = texts![
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
    "unary",
];

/// What begins the line that asks for a common part.
const WITH: &str = "// with: ";

/// The text of a file with its common parts in front.
pub(super) fn source(file: &str) -> Option<String> {
    let mut parts = Vec::new();
    collect(file.to_string(), &mut parts)?;
    Some(parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n"))
}

/// The text of a file. A debug build reads it anew, so that a shader can be tried without building.
fn text(name: &str) -> Option<String> {
    if cfg!(debug_assertions) {
        let path = format!("{}/shaders/{name}.wgsl", env!("CARGO_MANIFEST_DIR"));
        if let Ok(text) = std::fs::read_to_string(path) {
            return Some(text);
        }
    }
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string())
}

/// The files that a file needs, itself last, each once, with their texts.
fn collect(name: String, parts: &mut Vec<(String, String)>) -> Option<()> {
    if parts.iter().any(|(known, _)| *known == name) {
        return Some(());
    }
    let text = text(&name)?;
    for needed in text.lines().filter_map(|line| line.strip_prefix(WITH)) {
        collect(format!("common/{}", needed.trim()), parts)?;
    }
    parts.push((name, text));
    Some(())
}

#[cfg(test)]
mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    use super::*;
    use crate::device::gpu::GROUP;

    /// What every GPU offers: bytes of workgroup memory, storage buffers of a program.
    const WORKGROUP_BYTES: u32 = 16 << 10;
    const STORAGE_BUFFERS: usize = 8;

    #[test]
    fn every_file_is_in_the_table() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
        let mut found = Vec::new();
        for (folder, prefix) in [(root.to_string(), ""), (format!("{root}/common"), "common/")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "wgsl") {
                    found.push(format!("{prefix}{}", path.file_stem().unwrap().to_string_lossy()));
                }
            }
        }
        found.sort();
        assert_eq!(found, TEXTS.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>());
    }

    /// Valid WGSL within the limits of every GPU.
    #[test]
    fn every_shader_is_valid() {
        for (name, _) in TEXTS.iter().filter(|(name, _)| !name.starts_with("common/")) {
            let source = source(name).unwrap();
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            assert!(!module.entry_points.is_empty(), "{name} has no entry point");
            for (index, entry) in module.entry_points.iter().enumerate() {
                assert_eq!(entry.workgroup_size, [GROUP as u32, 1, 1], "{name}: {}", entry.name);
                let used = |space: fn(&naga::AddressSpace) -> bool| {
                    let of_entry = info.get_entry_point(index);
                    let globals = module.global_variables.iter();
                    globals
                        .filter(move |(handle, global)| !of_entry[*handle].is_empty() && space(&global.space))
                        .map(|(_, global)| layouter[global.ty].size)
                        .collect::<Vec<_>>()
                };
                let shared: u32 = used(|space| matches!(space, naga::AddressSpace::WorkGroup)).iter().sum();
                assert!(shared <= WORKGROUP_BYTES, "{name}: {} takes {shared} bytes of workgroup memory", entry.name);
                let buffers = used(|space| matches!(space, naga::AddressSpace::Storage { .. })).len();
                assert!(buffers <= STORAGE_BUFFERS, "{name}: {} takes {buffers} storage buffers", entry.name);
            }
        }
    }
}
