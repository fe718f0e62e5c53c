//! Encryption at rest: AES-256-GCM over what files hold of users. docs/encryption.md says against whom it helps, and
//! docs/formats/encryption.md gives the bytes.
//!
//! Each file has a random data key of its own, which stands in its header or footer wrapped by the user's key. What must
//! hold: **a data key seals only for the process that made it, and no offset twice.** So the offset of what is sealed is
//! its nonce; manifests that are written on after an open, and segments that are used again, begin with a new key; and a
//! copy of a folder may be written on beside its original.
//!
//! Checksums are over what stands on the disk, so that bytes are checked without a key. Plain values, any thread.

use crate::environment::Random;
use crate::error::{Code, Error, Result};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of the user's keys and of data keys.
pub const KEY_BYTES: usize = 32;
/// What sealed bytes are longer than plain ones.
pub const TAG_BYTES: usize = 16;
/// A data key in a header or footer: the id of the key that wraps it, a nonce, the wrapped key and its tag.
pub const WRAPPED_BYTES: usize = ID_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/// The bit of "encryption" in the required features of every format.
pub const REQUIRED_FEATURE: u32 = 1;

const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// Names a key without telling it: the first half of the SHA-256 of `coppice key id` and the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; ID_BYTES]);

impl KeyId {
    pub fn of(key: &[u8; KEY_BYTES]) -> KeyId {
        let hash = Sha256::new().chain_update(b"coppice key id").chain_update(key).finalize();
        KeyId(hash[..ID_BYTES].try_into().expect("half of a hash"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The user's keys: the current one wraps the data keys of new files, earlier ones are for files that are there. Without a
/// key databases are plain.
#[derive(Clone, Default)]
pub struct Keys(Arc<[(KeyId, LessSafeKey)]>);

impl Keys {
    pub fn new(current: &[u8; KEY_BYTES], earlier: &[[u8; KEY_BYTES]]) -> Keys {
        Keys(std::iter::once(current).chain(earlier).map(|key| (KeyId::of(key), aes(key))).collect())
    }

    pub fn current(&self) -> Option<KeyId> {
        self.0.first().map(|(id, _)| *id)
    }

    /// That a file whose data key this one wraps can be read; none: a plain file.
    pub fn expect(&self, id: Option<KeyId>) -> Result<()> {
        match id {
            Some(id) => self.find(id).map(drop),
            None if self.0.is_empty() => Ok(()),
            None => Err(Error::invalid(
                "this database is not encrypted, and cannot come to be: that is chosen when one is made",
            )),
        }
    }

    fn find(&self, wanted: KeyId) -> Result<&LessSafeKey> {
        let found = self.0.iter().find(|(id, _)| *id == wanted);
        found.map(|(_, key)| key).ok_or_else(|| match self.0.is_empty() {
            true => Error::new(
                Code::Encrypted,
                format!("this is encrypted with key {wanted}, and no key was given"),
            ),
            false => Error::new(
                Code::WrongEncryptionKey,
                format!("this is encrypted with key {wanted}, which is none of those that were given"),
            ),
        })
    }

    /// For a new file, or a new life of one. `kind`: the magic bytes of its format.
    pub fn seal_new(&self, random: &dyn Random, kind: &[u8; 8]) -> Seal {
        let Some((id, wrapping)) = self.0.first() else { return Seal::default() };
        let mut key = [0; KEY_BYTES];
        random.fill(&mut key);
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let mut sealed = key;
        let tag = wrapping
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(kind), &mut sealed)
            .expect("a key is shorter than what one nonce serves");
        let wrapped = [&id.0[..], &nonce, &sealed, tag.as_ref()].concat();
        let wrapped = wrapped.try_into().expect("its parts have these lengths");
        Seal(Some(Arc::new(Data { id: *id, wrapped, key: aes(&key), sealed_to: AtomicU64::new(0) })))
    }

    /// Of a file that is there, from what its header or footer says.
    pub fn seal_of(&self, kind: &[u8; 8], wrapped: Option<&[u8; WRAPPED_BYTES]>) -> Result<Seal> {
        self.expect(wrapped.map(key_id))?;
        let Some(wrapped) = wrapped else { return Ok(Seal::default()) };
        let id = key_id(wrapped);
        let (nonce, sealed) = wrapped[ID_BYTES..].split_first_chunk().expect("longer than a nonce");
        let mut sealed = sealed.to_vec();
        let key = self
            .find(id)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(kind), &mut sealed)
            .map_err(|_| Error::corrupt("the file's data key was not wrapped by the key that it names"))?;
        let key: &[u8; KEY_BYTES] = (&*key).try_into().expect("the tag is gone");
        let sealed_to = AtomicU64::new(u64::MAX);
        Ok(Seal(Some(Arc::new(Data { id, wrapped: *wrapped, key: aes(key), sealed_to }))))
    }
}

/// The key that wraps a data key.
pub fn key_id(wrapped: &[u8; WRAPPED_BYTES]) -> KeyId {
    KeyId(*wrapped.first_chunk().expect("it begins with the id"))
}

/// The wrapped key at `at` of a header or footer with these required features; an error names those that are unknown.
pub fn read_wrapped(
    required: u32,
    bytes: &[u8],
    at: usize,
) -> std::result::Result<Option<&[u8; WRAPPED_BYTES]>, u32> {
    match required {
        0 => Ok(None),
        REQUIRED_FEATURE => Ok(bytes[at..].first_chunk()),
        other => Err(other & !REQUIRED_FEATURE),
    }
}

fn aes(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of this length"))
}

/// What the content of one file is sealed with; of a plain file nothing, and everything stays as it is.
#[derive(Clone, Default)]
pub struct Seal(Option<Arc<Data>>);

struct Data {
    id: KeyId,
    wrapped: [u8; WRAPPED_BYTES],
    key: LessSafeKey,
    /// Where what was sealed ends so far: files are written front to back. `u64::MAX` if another process has made the key.
    sealed_to: AtomicU64,
}

impl Seal {
    pub fn key(&self) -> Option<KeyId> {
        self.0.as_ref().map(|data| data.id)
    }

    pub fn required_features(&self) -> u32 {
        if self.0.is_some() { REQUIRED_FEATURE } else { 0 }
    }

    /// For the header or footer; zeros: plain.
    pub fn wrapped(&self) -> [u8; WRAPPED_BYTES] {
        self.0.as_ref().map_or([0; WRAPPED_BYTES], |data| data.wrapped)
    }

    pub fn tag_bytes(&self) -> usize {
        if self.0.is_some() { TAG_BYTES } else { 0 }
    }

    /// Seals what `out` holds from `from` on, and appends its tag. `offset` is where it will stand in the file, of which nothing
    /// else was sealed; `clear` is vouched for by the tag too.
    pub fn seal(&self, offset: u64, clear: &[u8], out: &mut Vec<u8>, from: usize) {
        let Some(data) = &self.0 else { return };
        let end = offset + (out.len() - from) as u64;
        assert!(
            data.sealed_to.swap(end.max(offset + 1), Ordering::Relaxed) <= offset,
            "an offset is sealed once"
        );
        let sealed = data.key.seal_in_place_separate_tag(nonce(offset), Aad::from(clear), &mut out[from..]);
        out.extend_from_slice(sealed.expect("it is shorter than what one nonce serves").as_ref());
    }

    /// What was sealed; `Corrupt` if that is not what stands there.
    pub fn open<'a>(&self, offset: u64, clear: &[u8], sealed: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let Some(data) = &self.0 else { return Ok(Cow::Borrowed(sealed)) };
        let mut opened = sealed.to_vec();
        let bytes = data
            .key
            .open_in_place(nonce(offset), Aad::from(clear), &mut opened)
            .map_err(|_| Error::corrupt("what is encrypted here is not what was written"))?
            .len();
        opened.truncate(bytes);
        Ok(Cow::Owned(opened))
    }
}

fn nonce(offset: u64) -> Nonce {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::OsRandom;

    const KIND: &[u8; 8] = b"a format";

    fn keys(current: u8, earlier: &[u8]) -> Keys {
        Keys::new(&[current; 32], &earlier.iter().map(|key| [*key; 32]).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_sealed_is_read_with_the_key_and_at_its_place_and_nowhere_else() {
        let seal = keys(1, &[]).seal_new(&OsRandom, KIND);
        let mut bytes = b"clear and secret".to_vec();
        seal.seal(4096, b"header", &mut bytes, 9);
        assert_eq!((&bytes[..9], bytes.len()), (&b"clear and"[..], 16 + TAG_BYTES));
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
        let again = keys(1, &[]).seal_of(KIND, Some(&seal.wrapped())).unwrap();
        assert_eq!(&*again.open(4096, b"header", &bytes[9..]).unwrap(), b" secret");
        let mut flipped = bytes.clone();
        flipped[12] ^= 1;
        let wrong = [
            again.open(4097, b"header", &bytes[9..]),
            again.open(4096, b"Header", &bytes[9..]),
            again.open(4096, b"header", &flipped[9..]),
            again.open(4096, b"header", &bytes[9..20]),
            keys(1, &[]).seal_new(&OsRandom, KIND).open(4096, b"header", &bytes[9..]),
        ];
        for (at, opened) in wrong.into_iter().enumerate() {
            assert_eq!(opened.unwrap_err().code(), Code::Corrupt, "{at}");
        }
    }

    #[test]
    #[should_panic(expected = "an offset is sealed once")]
    fn no_offset_is_sealed_twice() {
        let seal = keys(1, &[]).seal_new(&OsRandom, KIND);
        seal.seal(128, b"", &mut b"one".to_vec(), 0);
        seal.seal(128, b"", &mut b"two".to_vec(), 0);
    }

    #[test]
    #[should_panic(expected = "an offset is sealed once")]
    fn a_key_that_was_read_from_a_file_seals_nothing() {
        let wrapped = keys(1, &[]).seal_new(&OsRandom, KIND).wrapped();
        keys(1, &[]).seal_of(KIND, Some(&wrapped)).unwrap().seal(128, b"", &mut b"one".to_vec(), 0);
    }

    #[test]
    fn a_plain_file_is_left_as_it_is() {
        let seal = Keys::default().seal_new(&OsRandom, KIND);
        let mut bytes = b"plain".to_vec();
        seal.seal(0, b"", &mut bytes, 0);
        assert_eq!((&bytes[..], seal.required_features(), seal.tag_bytes()), (&b"plain"[..], 0, 0));
        assert_eq!(&*seal.open(0, b"", &bytes).unwrap(), b"plain");
        assert_eq!(seal.wrapped(), [0; WRAPPED_BYTES]);
    }

    #[test]
    fn a_file_is_read_with_an_earlier_key_and_refused_with_another_without_one_and_with_a_damaged_one() {
        let wrapped = keys(1, &[]).seal_new(&OsRandom, KIND).wrapped();
        let code = |keys: Keys, wrapped| keys.seal_of(KIND, wrapped).map(drop).map_err(|error| error.code());
        assert_eq!(code(keys(2, &[3, 1]), Some(&wrapped)), Ok(()));
        assert_eq!(code(keys(2, &[3]), Some(&wrapped)), Err(Code::WrongEncryptionKey));
        assert_eq!(code(Keys::default(), Some(&wrapped)), Err(Code::Encrypted));
        assert_eq!(code(keys(1, &[]), None), Err(Code::Invalid));
        let mut damaged = wrapped;
        damaged[40] ^= 1;
        assert_eq!(code(keys(1, &[]), Some(&damaged)), Err(Code::Corrupt));
        let of_other_format = keys(1, &[]).seal_of(b"B format", Some(&wrapped)).map(drop);
        assert_eq!(of_other_format.unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn keys_are_named_by_a_hash_and_never_shown() {
        assert_eq!(KeyId::of(&[0; 32]).to_string(), "7618d92e908ef97ba8818b22ec93a9e2");
        let error = keys(7, &[]).seal_of(KIND, Some(&keys(8, &[]).seal_new(&OsRandom, KIND).wrapped()));
        let message = error.map(drop).unwrap_err().to_string();
        assert!(message.contains(&KeyId::of(&[8; 32]).to_string()) && !message.contains("0707"), "{message}");
    }
}
