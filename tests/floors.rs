//! The order of the rooms: a file uses only rooms that are listed before its own, and nothing of the other wing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms from the ground up. The engine wing (`device` to `networks`) knows nothing of records and studies.
const ROOMS: &[&str] = &[
    "error",
    "math",
    "random",
    "codecs", // 1
    "device", // 2
    "tensor",
    "ops", // 3
    "parameters",
    "autodiff",
    "optim", // 4
    "nn",
    "distributions",
    "bijections", // 5
    "networks",   // 6
    "mcmc",
    "data",
    "simulators",
    "adapters",      // 7
    "approximators", // 8
    "diagnostics",
    "io",
    "workflow",
    "evaluation", // 9
    "prelude",
    "bin", // 10
];

const ENGINE: &[&str] =
    &["device", "tensor", "ops", "parameters", "autodiff", "optim", "nn", "distributions", "bijections", "networks"];
const STUDY: &[&str] = &["mcmc", "data", "simulators", "adapters", "diagnostics"];

/// Rooms of the same floor that are written together: each may use the other.
const TOGETHER: &[(&str, &str)] = &[("data", "simulators")];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names in `crate::room` paths outside of comments.
fn used(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        let mut rest = line;
        while let Some(at) = rest.find("crate::") {
            rest = &rest[at + "crate::".len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if ROOMS.contains(&name.as_str()) {
                rooms.push(name);
            }
        }
    }
    rooms
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let floor: BTreeMap<&str, usize> = ROOMS.iter().enumerate().map(|(i, &room)| (room, i)).collect();
    let mut faults = Vec::new();
    for file in files {
        let inside = file.strip_prefix("src").unwrap();
        let room = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_string();
        if room == "lib" || room == "bin" {
            continue;
        }
        let Some(&own) = floor.get(room.as_str()) else {
            faults.push(format!("{}: the room '{room}' has no floor", file.display()));
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests beside the code may use what they like.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        if file.ends_with("tests.rs") {
            continue;
        }
        for other in used(code) {
            let together = TOGETHER.iter().any(|&(a, b)| (a, b) == (&room, &other) || (b, a) == (&room, &other));
            if floor[other.as_str()] > own && !together {
                faults.push(format!("{}: uses '{other}', which is above '{room}'", file.display()));
            }
            let crossed = STUDY.contains(&room.as_str()) && ENGINE.contains(&other.as_str())
                || ENGINE.contains(&room.as_str()) && STUDY.contains(&other.as_str());
            if crossed {
                faults.push(format!("{}: '{room}' and '{other}' are in different wings", file.display()));
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_check_sees_a_use() {
    assert_eq!(used("use crate::workflow::Fit;\n// use crate::io;\nlet x = crate::ops::Row;"), ["workflow", "ops"]);
}
