//! `backspike data`.

use super::Outcome;
use anyhow::Result;
use backspike::data::fetch::{Named, cache_dir, fetch};
use clap::{Args, ValueEnum};

/// Data sets that can be fetched.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    Mnist,
    FashionMnist,
}

#[derive(Args)]
#[command(
    after_help = "The files are kept in the cache directory (BACKSPIKE_DATA, or backspike in the user's cache), from where `--data mnist`
and `--data fashion-mnist` read them. The digits are built in."
)]
pub struct Arguments {
    /// The data set
    #[arg(value_enum)]
    name: Name,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let named = match arguments.name {
        Name::Mnist => Named::Mnist,
        Name::FashionMnist => Named::FashionMnist,
    };
    let directory = fetch(named, &cache_dir()?, &mut |line| eprintln!("{line}"))?;
    println!("{} is in {}", named.name(), directory.display());
    Ok(Outcome::Done)
}
