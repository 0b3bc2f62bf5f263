//! The bytes of a file, decompressed.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::fault::Fault;

/// What a file's name promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    /// It ends in `.gz` or `.zst`.
    pub(crate) compressed: bool,
    /// `.json`.
    pub(crate) document: bool,
    /// `.jsonl` or `.ndjson`.
    pub(crate) lines: bool,
}

impl Name {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let (rest, last) = name.rsplit_once('.').unwrap_or((&name, ""));
        let compressed = matches!(last, "gz" | "zst");
        let format = if compressed { rest.rsplit_once('.').map_or("", |(_, format)| format) } else { last };
        Self { compressed, document: format == "json", lines: matches!(format, "jsonl" | "ndjson") }
    }
}

/// Bytes with their beginning put back in front.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// A file as it was written before it was compressed.
pub(crate) enum Input<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Whole<R>>>>),
}

/// Bytes that are read from the disk at once.
const BUFFER: usize = 1 << 17;
const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

impl<R: Read> Input<R> {
    /// Looks at the first bytes, not at the name: a name that promises a compression which is not there is a fault.
    pub(crate) fn open(mut raw: R, name: Name) -> Result<Self, Fault> {
        let mut begin = Vec::new();
        raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut begin).map_err(|error| unreadable(&error))?;
        let compression = begin.clone();
        let whole = Cursor::new(begin).chain(raw);
        if compression.starts_with(&GZIP) {
            return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole)))));
        }
        if compression.starts_with(&ZSTD) {
            let decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER, whole));
            return Ok(Self::Zstd(Box::new(decoder.map_err(|error| unreadable(&error))?)));
        }
        if name.compressed {
            return Err(Fault::NotCompressed);
        }
        if compression.starts_with(&[0xFF, 0xFE]) || compression.starts_with(&[0xFE, 0xFF]) {
            return Err(Fault::Utf16);
        }
        Ok(Self::Plain(whole))
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Zstd(input) => input.read(buffer),
        }
    }
}

/// What it means that reading broke off.
pub(crate) fn unreadable(error: &io::Error) -> Fault {
    Fault::Unreadable(match error.kind() {
        io::ErrorKind::UnexpectedEof => "the archive is cut off".to_owned(),
        _ => error.to_string(),
    })
}
