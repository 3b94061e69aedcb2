//! Makes the generated files of the crate from the contract, for protos/generate.py.
//!
//! `tallywire-codegen messages DESCRIPTORS OUT` writes messages and stubs, made of a descriptor set with comments, into
//! the folder OUT. `tallywire-codegen format FILE…` formats Rust files in place, always in the same way.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use prost::Message as _;
use prost_types::FileDescriptorSet;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["messages", descriptors, out] => messages(Path::new(descriptors), Path::new(out)),
        ["format", files @ ..] => files.iter().try_for_each(|file| format(Path::new(file))),
        _ => Err("usage: tallywire-codegen messages DESCRIPTORS OUT | format FILE…".into()),
    }
}

/// Writes messages and the stubs of clients.
fn messages(descriptors: &Path, out: &Path) -> Result<()> {
    let set = FileDescriptorSet::decode(fs::read(descriptors)?.as_slice())?;
    tonic_prost_build::configure()
        .out_dir(out)
        .build_server(false)
        .emit_rerun_if_changed(false)
        .compile_fds(set)?;
    Ok(())
}

/// Formats a file in place; comments that are not documentation are lost.
fn format(path: &Path) -> Result<()> {
    let file = syn::parse_file(&fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    fs::write(path, prettyplease::unparse(&file))?;
    Ok(())
}
