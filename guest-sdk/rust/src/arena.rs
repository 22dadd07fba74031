//! Where the arguments of a call lie. The host asks for memory for each string and list of a batch, several for every
//! record, and the batch is dropped as a whole: so they are laid one behind the other, and all of that is free again when
//! the last of them is dropped. What a sink allocates itself comes from the usual allocator.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr,
};

/// The largest arena. What does not fit is allocated as usual.
const MOST: usize = 16 << 20;

/// A block of memory that is filled from its start and emptied at once. It grows to what did not fit.
struct Arena {
    start: Cell<usize>,
    end: Cell<usize>,
    next: Cell<usize>,
    /// How many of the allocations in it are still in use.
    live: Cell<usize>,
    /// How many bytes did not fit since it was empty.
    missed: Cell<usize>,
}

impl Arena {
    const fn new() -> Self {
        Self { start: Cell::new(0), end: Cell::new(0), next: Cell::new(0), live: Cell::new(0), missed: Cell::new(0) }
    }

    fn has(&self, at: *mut u8) -> bool {
        (self.start.get()..self.end.get()).contains(&at.addr())
    }

    /// Memory from the arena; null if there is no room.
    fn take(&self, layout: Layout) -> *mut u8 {
        if self.live.get() == 0 {
            self.begin();
        }
        let at = self.next.get().next_multiple_of(layout.align());
        let next = at.saturating_add(layout.size());
        if next > self.end.get() {
            self.missed.set(self.missed.get() + layout.size() + layout.align());
            return ptr::null_mut();
        }
        self.next.set(next);
        self.live.set(self.live.get() + 1);
        ptr::with_exposed_provenance_mut(at)
    }

    /// Empties it, and makes it larger if it was too small.
    fn begin(&self) {
        let (missed, size) = (self.missed.take(), self.end.get() - self.start.get());
        if missed > 0 && size < MOST {
            self.replace(size, (size + missed).min(MOST).next_power_of_two());
        }
        self.next.set(self.start.get());
    }

    fn replace(&self, old: usize, new: usize) {
        #[expect(unsafe_code, reason = "it is an allocator")]
        // SAFETY: no size is zero, the old block was allocated with this layout, and nothing in it is in use.
        let block = unsafe {
            if old > 0 {
                System.dealloc(ptr::with_exposed_provenance_mut(self.start.get()), block_of(old));
            }
            System.alloc(block_of(new))
        };
        let start = block.expose_provenance();
        self.start.set(start);
        self.end.set(if block.is_null() { start } else { start + new });
    }

    fn give_back(&self) {
        self.live.set(self.live.get() - 1);
    }
}

fn block_of(size: usize) -> Layout {
    // Sizes are powers of two up to `MOST`.
    Layout::from_size_align(size, 16).unwrap_or(Layout::new::<u128>())
}

#[cfg(all(target_family = "wasm", feature = "arena"))]
mod allocator {
    //! The allocator of a component, which knows what lies in the arena, and what the host calls for memory.

    use super::{Arena, Cell, GlobalAlloc, Layout, System, ptr};

    /// What a component has one of, having one thread.
    struct Component {
        arena: Arena,
        /// Whether the sink is at work. What the host asks for then are results of imports, which a sink may keep.
        busy: Cell<bool>,
    }

    #[expect(unsafe_code, reason = "a static must be `Sync`")]
    // SAFETY: there is one thread.
    unsafe impl Sync for Component {}

    #[global_allocator]
    static COMPONENT: Component = Component { arena: Arena::new(), busy: Cell::new(false) };

    pub(crate) fn while_busy<T>(work: impl FnOnce() -> T) -> T {
        COMPONENT.busy.set(true);
        let done = work();
        COMPONENT.busy.set(false);
        done
    }

    #[expect(unsafe_code, reason = "it is an allocator")]
    // SAFETY: everything is the system's allocator, except for what `cabi_realloc` took from the arena, which stays where it
    // is until it is given back.
    unsafe impl GlobalAlloc for Component {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            if self.arena.has(at) {
                self.arena.give_back();
            } else {
                unsafe { System.dealloc(at, layout) }
            }
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            if !self.arena.has(at) {
                return unsafe { System.realloc(at, layout, size) };
            }
            unsafe {
                let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(at, moved, size.min(layout.size()));
                    self.arena.give_back();
                }
                moved
            }
        }
    }

    /// What the host calls for memory to put strings and lists in.
    #[expect(unsafe_code, reason = "the host calls it, by this name")]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
        if size == 0 {
            return ptr::without_provenance_mut(align);
        }
        // SAFETY: the host gives a power of two for the alignment, and for `old` what it got from here.
        let at = unsafe {
            let layout = |size| Layout::from_size_align_unchecked(size, align);
            if old_size > 0 { COMPONENT.realloc(old, layout(old_size), size) } else { fresh(layout(size)) }
        };
        if at.is_null() {
            // A trap, which the host takes for what it is.
            std::process::abort();
        }
        at
    }

    fn fresh(layout: Layout) -> *mut u8 {
        let at = if COMPONENT.busy.get() { ptr::null_mut() } else { COMPONENT.arena.take(layout) };
        #[expect(unsafe_code, reason = "it is an allocator")]
        // SAFETY: the size is not zero.
        let usual = || unsafe { System.alloc(layout) };
        if at.is_null() { usual() } else { at }
    }
}

/// Runs the sink: what the host asks for meanwhile does not come from the arena.
#[cfg(all(target_family = "wasm", feature = "arena"))]
pub(crate) use allocator::while_busy;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 4).expect("the layout is small")
    }

    /// Takes all of `sizes`.
    fn batch<const N: usize>(arena: &Arena, sizes: [usize; N]) -> [*mut u8; N] {
        sizes.map(|size| arena.take(bytes(size)))
    }

    fn drop_batch(arena: &Arena, batch: &[*mut u8]) {
        batch.iter().filter(|at| !at.is_null()).for_each(|_| arena.give_back());
    }

    #[test]
    fn it_grows_to_what_did_not_fit_and_is_filled_anew_when_all_is_given_back() {
        let arena = Arena::new();
        let sizes = [100, 50, 200];
        let some = batch(&arena, sizes);
        assert!(some.iter().any(|at| at.is_null()));
        drop_batch(&arena, &some);
        let all = batch(&arena, sizes);
        assert!(all.iter().all(|at| arena.has(*at)));
        assert!(all[1].addr() >= all[0].addr() + 100 && all[2].addr() >= all[1].addr() + 50);
        drop_batch(&arena, &all[..2]);
        assert!(arena.take(bytes(10)).addr() > all[2].addr(), "one is still in use");
        arena.give_back();
        arena.give_back();
        assert_eq!(batch(&arena, sizes), all);
    }

    #[test]
    fn alignment_is_kept() {
        let arena = Arena::new();
        assert!(arena.take(bytes(100)).is_null());
        let odd = arena.take(Layout::from_size_align(3, 1).expect("it is small"));
        let even = arena.take(Layout::from_size_align(8, 8).expect("it is small"));
        assert!(!odd.is_null() && even.addr().is_multiple_of(8));
    }

    #[test]
    fn what_is_larger_than_any_arena_is_not_its_business() {
        let arena = Arena::new();
        assert!(arena.take(bytes(MOST + 1)).is_null());
        assert!(arena.take(bytes(MOST + 1)).is_null());
        assert!(!arena.take(bytes(MOST)).is_null());
        assert!(!arena.has(ptr::null_mut()));
    }
}
