//! Memory that a device reads and writes by itself.

use memmap2::MmapRaw;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pages of memory with an address on the device's bus: an anonymous file, so that another process can map it too. It cannot shrink, so no
/// device is ever left with pages that are gone.
pub struct DmaMemory {
    file: File,
    map: MmapRaw,
    at: u64,
}

impl DmaMemory {
    /// `bytes` zeroed bytes, rounded up to pages, at bus address `at`.
    pub fn new(at: u64, bytes: usize) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("backspike-dma", flags)?;
        ftruncate(&file, bytes.next_multiple_of(4096) as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
        let file = File::from(file);
        let map = MmapRaw::map_raw(&file)?;
        Ok(Self { file, map, at })
    }

    /// Its address on the device's bus.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Never: there is at least a page.
    pub fn is_empty(&self) -> bool {
        self.map.len() == 0
    }

    /// The file behind it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is in this process.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// Where `words` begin, if they lie here.
    pub fn offset_of(&self, words: &[u32]) -> Option<usize> {
        let offset = (words.as_ptr() as usize).checked_sub(self.map.as_mut_ptr() as usize)?;
        (offset + size_of_val(words) <= self.len()).then_some(offset)
    }

    /// Eight bytes at a time, so that neither side sees half of a record.
    fn cell(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len(), "{offset:#x} is no cell");
        // SAFETY: the mapping is aligned to pages and lives as long as `self`; whoever else writes there does so by hardware or atomically.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(offset).cast()) }
    }

    /// The 64 bits at `offset`, a multiple of 8. What the device wrote before them is seen too.
    pub fn load(&self, offset: usize) -> u64 {
        u64::from_le(self.cell(offset).load(Ordering::Acquire))
    }

    /// Writes 64 bits at `offset`, a multiple of 8, after all that was written before.
    pub fn store(&self, offset: usize, value: u64) {
        self.cell(offset).store(value.to_le(), Ordering::Release);
    }

    /// Writes bytes that the device does not look at yet.
    pub fn write(&self, offset: usize, data: &[u8]) {
        assert!(offset + data.len() <= self.len(), "{} bytes at {offset:#x}", data.len());
        // SAFETY: in bounds; a slice of ours and the mapping do not overlap.
        unsafe {
            self.map.as_mut_ptr().add(offset).copy_from_nonoverlapping(data.as_ptr(), data.len());
        }
    }

    /// Writes words, low byte first, that the device does not look at yet; `offset` is a multiple of 4.
    pub fn write_words(&self, offset: usize, words: &[u32]) {
        let end = offset + 4 * words.len();
        assert!(offset.is_multiple_of(4) && end <= self.len(), "words up to {end:#x}");
        // SAFETY: in bounds and aligned; a slice of ours and the mapping do not overlap.
        unsafe {
            let to = self.map.as_mut_ptr().add(offset).cast::<u32>();
            for (i, word) in words.iter().enumerate() {
                to.add(i).write(word.to_le());
            }
        }
    }

    /// Reads bytes that the device has finished with.
    pub fn read(&self, offset: usize, data: &mut [u8]) {
        assert!(offset + data.len() <= self.len(), "{} bytes at {offset:#x}", data.len());
        // SAFETY: as in `write`.
        unsafe {
            self.map.as_mut_ptr().add(offset).copy_to_nonoverlapping(data.as_mut_ptr(), data.len());
        }
    }
}
