//! The watchers of an ensemble's training: each is told of every member.

use std::cell::RefCell;

use crate::error::Result;
use crate::workflow::callback::{Callback, Control, EpochRecord, StepRecord};

/// Watchers that the members share.
pub(super) type Watchers<'c> = RefCell<Vec<&'c mut dyn Callback>>;

/// The watcher of one member, which passes everything on.
pub(super) struct OfMember<'w, 'c> {
    pub member: String,
    pub watchers: &'w Watchers<'c>,
}

impl Callback for OfMember<'_, '_> {
    fn on_step(&mut self, step: &StepRecord) -> Result<Control> {
        for watcher in self.watchers.borrow_mut().iter_mut() {
            watcher.on_member(&self.member);
            if watcher.on_step(step)? == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    fn on_epoch(&mut self, epoch: &EpochRecord) -> Result<Control> {
        let mut control = Control::Continue;
        for watcher in self.watchers.borrow_mut().iter_mut() {
            watcher.on_member(&self.member);
            if watcher.on_epoch(epoch)? == Control::Stop {
                control = Control::Stop;
            }
        }
        Ok(control)
    }

    fn on_event(&mut self, message: &str) {
        for watcher in self.watchers.borrow_mut().iter_mut() {
            watcher.on_member(&self.member);
            watcher.on_event(message);
        }
    }
}
