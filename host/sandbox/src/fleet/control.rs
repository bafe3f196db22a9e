//! An operator's commands to running plugins. Each waits for its answer; none waits for a
//! plugin longer than that plugin's calls may take.

use std::sync::PoisonError;
use std::sync::mpsc::{Sender, channel};

use ringfence_model::SeatId;

use super::watcher::Hint;
use super::worker::Job;
use super::{ANSWER_WITHIN, Clock, Mailbox, Names, reports};
use crate::life::{Generation, Input};
use crate::seat::SeatReport;

/// A command to one plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginCommand {
    /// It gets no events and its open orders end by its policy; what is its own (fills) is
    /// kept for it, and it stays in memory.
    Pause,
    /// It goes on: after a pause, before its restart is due, or out of quarantine, which also
    /// forgives its strikes.
    Resume,
    /// Its file is taken again.
    Reload,
    /// The file before runs again, with the state of the present one if it can read it.
    Rollback,
}

/// A way to command plugins.
#[derive(Clone)]
pub struct Control {
    mailbox: Mailbox,
    watcher: Option<Sender<Hint>>,
    clock: Clock,
    names: Names,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    pub(super) fn new(mailbox: Mailbox, watcher: Option<Sender<Hint>>, clock: Clock, names: Names) -> Self {
        Control { mailbox, watcher, clock, names }
    }

    /// Figures of all plugins, by name.
    pub fn reports(&self) -> Vec<SeatReport> {
        reports(&self.mailbox.workers)
    }

    fn seat(&self, name: &str) -> Result<SeatId, String> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = names.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("there is no plugin {}; there are: {known}", crate::text::escaped(name, 80))
        })
    }

    /// All generations of a plugin that are remembered, oldest first.
    ///
    /// # Errors
    /// There is no such plugin, or it does not answer.
    pub fn history(&self, name: &str) -> Result<Vec<Generation>, String> {
        let (reply, answer) = channel();
        self.mailbox.send(self.seat(name)?, Job::History { reply });
        answer.recv_timeout(ANSWER_WITHIN).map_err(|_| "its worker does not answer".to_owned())
    }

    /// Commands a plugin and says what came of it.
    ///
    /// # Errors
    /// It can't be done, and why.
    pub fn command(&self, name: &str, command: PluginCommand) -> Result<String, String> {
        let seat = self.seat(name)?;
        let (reply, answer) = channel();
        let input = match command {
            PluginCommand::Pause => Input::Pause,
            PluginCommand::Resume => Input::Resume,
            PluginCommand::Rollback => Input::Rollback,
            PluginCommand::Reload => {
                let watcher = self.watcher.as_ref().ok_or("the folder is not watched any more")?;
                drop(watcher.send(Hint::Reload { name: name.to_owned(), reply }));
                // A file that is new is compiled first.
                return answer.recv().unwrap_or_else(|_| Err("the folder is not watched any more".to_owned()));
            }
        };
        let now = (self.clock)();
        self.mailbox.send(seat, Job::Command { input, now, reply });
        answer.recv_timeout(ANSWER_WITHIN).unwrap_or_else(|_| Err("its worker does not answer".to_owned()))
    }
}
