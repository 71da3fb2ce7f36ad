//! The pictures: structure of the SVG, edge cases, determinism; and a gallery to look at, on request.
//!
//! `FERROFLOW_GALLERY=<folder> cargo test --test plots gallery -- --ignored` writes every picture of a synthetic study.

mod plots_support;

use ferroflow::diagnostics::plots::*;
use plots_support::*;

#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let folder = std::env::var("FERROFLOW_GALLERY").expect("FERROFLOW_GALLERY names the folder for the pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, figure) in everything() {
        std::fs::write(format!("{folder}/{name}.svg"), &figure.svg).unwrap();
        println!("{name}: {} bytes. {}", figure.svg.len(), figure.description);
    }
}
