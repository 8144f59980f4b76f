// Compiled only for the headers that every test shares.
