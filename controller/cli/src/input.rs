//! Files that may be compressed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::bufread::MultiGzDecoder;

use crate::progress::{Progress, Watched};

/// Bytes that are read from the disk at once.
const BUFFER: usize = 1 << 17;
const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Opens a file, `-` being standard input, and decompresses gzip and zstd, which it knows by the first bytes.
///
/// # Errors
/// When it cannot be opened, or its beginning not be read.
pub fn open<'p>(path: &Path, progress: &'p Progress) -> Result<Box<dyn Read + 'p>> {
    let name = path.display().to_string();
    let watched: Box<dyn Read + 'p> = if path == Path::new("-") {
        Box::new(Watched::new(io::stdin(), &name, None, progress))
    } else {
        let file = File::open(path).with_context(|| name.clone())?;
        let size = file.metadata().map(|metadata| metadata.len()).ok();
        Box::new(Watched::new(file, &name, size, progress))
    };
    decompressed(watched).with_context(|| name)
}

/// Decompresses what begins as gzip or zstd.
///
/// # Errors
/// When the beginning cannot be read.
pub fn decompressed<'r>(raw: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut input = BufReader::with_capacity(BUFFER, raw);
    let start = input.fill_buf()?;
    if start.starts_with(&GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(input)));
    }
    if start.starts_with(&ZSTD) {
        return Ok(Box::new(zstd::Decoder::with_buffer(input)?));
    }
    Ok(Box::new(input))
}
