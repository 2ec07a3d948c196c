//! What holds of the sources themselves: who may use whom, and that core says nothing to people.

mod sentences;
mod source;
