//! The programs as people, scripts and bots meet them: real processes, real sockets.

mod bot;
mod doctor;
mod keep;
mod logs;
mod mistakes;
mod pages;
mod refused;
mod secrets;
