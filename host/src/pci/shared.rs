//! What the two threads of a served function share: memory of the client, its interrupts, the page of doorbells.

use backspike_arch::HostMemory;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{SealFlags, fcntl_get_seals};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most maps of a client: a guest behind an IOMMU has many.
const MAPS: usize = 1 << 16;

/// Memory of the client by bus address, and the files that its interrupts write.
#[derive(Default)]
pub struct Shared {
    maps: Mutex<BTreeMap<u64, MmapRaw>>,
    interrupts: Mutex<Vec<Option<File>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text.to_owned())
}

impl Shared {
    /// Maps `size` bytes of a file from `offset` on at bus address `at`.
    pub fn map(&self, file: &File, offset: u64, at: u64, size: u64) -> io::Result<()> {
        let end = offset.checked_add(size).filter(|_| size > 0 && at.checked_add(size).is_some());
        let end = end.ok_or_else(|| refused("the range of the memory is not one"))?;
        if file.metadata()?.len() < end {
            return Err(refused("the file is shorter than the memory that it should hold"));
        }
        // A page that went away under the function would end this process.
        if !fcntl_get_seals(file)?.contains(SealFlags::SHRINK) {
            return Err(refused("the file may shrink: seal it"));
        }
        let mut maps = lock(&self.maps);
        let below = maps.range(..at.saturating_add(size)).next_back();
        if below.is_some_and(|(base, map)| base + map.len() as u64 > at) {
            return Err(refused("there is memory at that address already"));
        }
        if maps.len() == MAPS {
            return Err(refused("there are too many maps"));
        }
        let len = usize::try_from(size).map_err(|_| refused("the memory is too large"))?;
        maps.insert(at, MmapOptions::new().offset(offset).len(len).map_raw(file)?);
        Ok(())
    }

    /// Ends the maps that lie wholly in a range.
    pub fn unmap(&self, at: u64, size: u64) {
        let end = u128::from(at) + u128::from(size);
        lock(&self.maps)
            .retain(|&base, map| base < at || u128::from(base) + map.len() as u128 > end);
    }

    /// Ends all maps.
    pub fn unmap_all(&self) {
        lock(&self.maps).clear();
    }

    /// The files of interrupts `start` on; `None` for those that are off.
    pub fn set_interrupts(
        &self,
        start: usize,
        files: Vec<Option<File>>,
        vectors: usize,
    ) -> io::Result<()> {
        let end = start.checked_add(files.len()).filter(|&end| end <= vectors);
        let end = end.ok_or_else(|| refused("there are fewer interrupts"))?;
        let mut interrupts = lock(&self.interrupts);
        interrupts.resize_with(vectors, || None);
        for (place, file) in interrupts[start..end].iter_mut().zip(files) {
            *place = file;
        }
        Ok(())
    }

    /// No interrupt is sent any more.
    pub fn clear_interrupts(&self) {
        lock(&self.interrupts).clear();
    }

    /// Sends the interrupts whose bits are set.
    pub fn raise(&self, bits: u32) {
        for (vector, file) in lock(&self.interrupts).iter_mut().enumerate() {
            if let Some(file) = file
                && bits >> vector & 1 == 1
            {
                // A client that is gone does not want to know.
                let _ = file.write(&1_u64.to_ne_bytes());
            }
        }
    }

    /// Walks the pieces of `len` bytes from bus address `at` on; `false` when some of it is not mapped, before anything is touched.
    fn pieces(&self, at: u64, len: usize, mut touch: impl FnMut(*mut u8, usize, usize)) -> bool {
        let maps = lock(&self.maps);
        let piece = |at: u64, left: usize| {
            let (base, map) = maps.range(..=at).next_back()?;
            let offset = usize::try_from(at - base).ok().filter(|&offset| offset < map.len())?;
            // SAFETY: the offset is within the mapping.
            let pointer = unsafe { map.as_mut_ptr().add(offset) };
            Some((pointer, left.min(map.len() - offset)))
        };
        let walk = |touch: &mut dyn FnMut(*mut u8, usize, usize)| {
            let mut done = 0;
            while done < len {
                let here = at.checked_add(done as u64).and_then(|at| piece(at, len - done));
                let Some((pointer, count)) = here else { return false };
                touch(pointer, done, count);
                done += count;
            }
            true
        };
        walk(&mut |_, _, _| {}) && walk(&mut touch)
    }
}

impl HostMemory for Shared {
    fn read(&self, at: u64, data: &mut [u8]) -> bool {
        self.pieces(at, data.len(), |pointer, done, count| {
            // SAFETY: `pieces` gives ranges within mappings, which stay while it holds their lock.
            unsafe { pointer.copy_to_nonoverlapping(data[done..].as_mut_ptr(), count) };
        })
    }

    fn write(&self, at: u64, data: &[u8]) -> bool {
        self.pieces(at, data.len(), |pointer, done, count| {
            let bytes = &data[done..done + count];
            match <[u8; 8]>::try_from(bytes) {
                // A record: whoever sees a part of it must see all of it, and all that was written before.
                Ok(word) if pointer.cast::<u64>().is_aligned() => {
                    // SAFETY: aligned, within the mapping.
                    let cell = unsafe { AtomicU64::from_ptr(pointer.cast()) };
                    cell.store(u64::from_ne_bytes(word), Ordering::Release);
                }
                // SAFETY: as in `read`.
                _ => unsafe { pointer.copy_from_nonoverlapping(bytes.as_ptr(), count) },
            }
        })
    }
}
