//! What a call does after the answer: the instructions, their interpreter, and the documents that are read into them. No I/O.
