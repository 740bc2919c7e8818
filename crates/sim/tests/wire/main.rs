//! The simulated provider over a real socket. One test program for all files, because each would be linked by itself.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod shapes;
