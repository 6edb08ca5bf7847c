use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use clinsynth_runtime::ort;
use clinsynth_runtime::ort::operator::ComputeContext;

/// The threads that a kernel's tasks run on.
#[derive(Clone, Copy)]
pub(crate) enum Workers<'c> {
    /// The session's own.
    Session(&'c ComputeContext),
    /// The calling one.
    #[cfg(test)]
    Caller,
}

impl Workers<'_> {
    /// Runs every task once. A task that panics is an error of the operator: unwinding into the library would end the
    /// process.
    pub(crate) fn run(self, tasks: usize, task: impl Fn(usize) + Sync + Send) -> ort::Result<()> {
        let failed = AtomicBool::new(false);
        let guarded = |index| {
            if catch_unwind(AssertUnwindSafe(|| task(index))).is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        };
        match self {
            Self::Session(context) => context.par_for(tasks, 0, guarded)?,
            #[cfg(test)]
            Self::Caller => (0..tasks).for_each(guarded),
        }
        if failed.into_inner() { Err(ort::Error::new("a kernel's task panicked")) } else { Ok(()) }
    }
}

/// A slice whose parts are written by different tasks.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'s, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'s mut [T]>,
}

// SAFETY: a part is handed out as a unique slice, and `part`'s caller promises that parts do not overlap.
unsafe impl<T: Send> Send for Parts<'_, T> {}
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'s, T> Parts<'s, T> {
    /// Parts of a slice.
    pub(crate) fn of(slice: &'s mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    /// The elements from `start` on, `length` of them.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    #[allow(clippy::mut_from_ref)] // That is what the promise is for.
    pub(crate) unsafe fn part(&self, start: usize, length: usize) -> &'s mut [T] {
        assert!(start.checked_add(length).is_some_and(|end| end <= self.length), "a part lies within its slice");
        // SAFETY: within the slice, and by the caller's promise not shared.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
