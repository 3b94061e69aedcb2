//! Makes the descriptors with which the testee reads and writes the JSON form of messages.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../protos");
    println!("cargo::rerun-if-changed={}", protos.join("tallywire").display());
    let mut files: Vec<PathBuf> = fs::read_dir(protos.join("tallywire/v1"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let descriptors = protox::compile(files, [protos])?;
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("contract.binpb"),
        descriptors.encode_to_vec(),
    )?;
    Ok(())
}
