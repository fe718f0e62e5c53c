//! Damage from outside: wrong bytes, files gone or cut, a folder of another format. What was not hit is still there,
//! and what was hit is an error with code, file and offset: never a panic, never a wrong answer.

mod files;
mod flips;
mod look;
mod sample;
