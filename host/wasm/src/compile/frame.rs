//! What goes over the pipes between a process and its compile worker.
//!
//! To the worker: the length of the component, 8 bytes little-endian, and the component. The pipe then
//! stays open: its end means that the other side is gone.
//!
//! Back: one byte for what follows, the length, the SHA-256 of the content, and the content. A worker
//! that is killed while it writes, or a program that is no worker, gives none of this.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

const HEADER: usize = 1 + 8 + 32;

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The compiled component.
    Compiled(Vec<u8>),
    /// The compiler's words on what is wrong with the component.
    Invalid(String),
    /// There was not enough memory.
    Memory,
}

impl Answer {
    /// Writes it out.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, content) = match self {
            Answer::Compiled(bytes) => (b'c', bytes.as_slice()),
            Answer::Invalid(words) => (b'i', words.as_bytes()),
            Answer::Memory => (b'm', &[][..]),
        };
        to.write_all(&[kind])?;
        to.write_all(&(content.len() as u64).to_le_bytes())?;
        to.write_all(&Sha256::digest(content))?;
        to.write_all(content)?;
        to.flush()
    }

    /// Reads all that came; none if it is no answer.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<Answer> {
        let (header, content) = bytes.split_at_checked(HEADER)?;
        let length = u64::from_le_bytes(header[1..9].try_into().ok()?);
        if length != content.len() as u64 || header[9..] != Sha256::digest(content)[..] {
            return None;
        }
        match bytes[0] {
            b'c' => {
                bytes.drain(..HEADER);
                Some(Answer::Compiled(bytes))
            }
            b'i' => Some(Answer::Invalid(String::from_utf8_lossy(content).into_owned())),
            b'm' => Some(Answer::Memory),
            _ => None,
        }
    }
}

/// The start of a request.
pub(super) fn length(wasm: &[u8]) -> [u8; 8] {
    (wasm.len() as u64).to_le_bytes()
}

/// Reads the start of a request.
pub(super) fn read_length(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_as_they_were() {
        for answer in [Answer::Compiled(vec![1, 2, 3]), Answer::Invalid("words".to_owned()), Answer::Memory] {
            let mut bytes = Vec::new();
            answer.write(&mut bytes).unwrap();
            assert_eq!(Answer::read(bytes), Some(answer));
        }
    }

    #[test]
    fn what_is_cut_changed_or_longer_is_no_answer() {
        let mut whole = Vec::new();
        Answer::Compiled(vec![7; 50]).write(&mut whole).unwrap();
        for end in 0..whole.len() {
            assert_eq!(Answer::read(whole[..end].to_vec()), None);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            assert_eq!(Answer::read(changed), None, "byte {at}");
        }
        assert_eq!(Answer::read([whole, vec![0]].concat()), None);
    }
}
