//! The shaders of WebGPU devices.

use super::sources::{Sources, sources};

/// The files of `shaders/`.
pub(super) static SHADERS: Sources = sources!("shaders", "wgsl");

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
        let named: Vec<_> = SHADERS.texts.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(SHADERS.found(), named);
    }

    /// Valid WGSL within the limits of every GPU.
    #[test]
    fn every_shader_is_valid() {
        for (name, _) in SHADERS.texts.iter().filter(|(name, _)| !name.starts_with("common/")) {
            let source = SHADERS.text(name).unwrap();
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
