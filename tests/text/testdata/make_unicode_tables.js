// Writes text/unicode_tables.cc: the character properties that the reference's
// components go by.  Each of its libraries has the tables of another Unicode
// version, so what counts is what the components do with every code point.
// The reference is the native library of the npm package tokenizers 0.23.2.
//   npm install tokenizers@0.23.2 && node make_unicode_tables.js > unicode_tables.cc
// Node must know Unicode 15 or later.
const { Tokenizer } = require('tokenizers');

const tokenizer = (parts) => Tokenizer.fromString(JSON.stringify({
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts,
  model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: {}, merges: [] },
}));
const bert = (clean_text, strip_accents) => ({ type: 'BertNormalizer', clean_text, handle_chinese_chars: false, strip_accents, lowercase: false });
const normalizer = (config) => {
  const component = tokenizer({ normalizer: config }).getNormalizer();
  return (text) => component.normalizeString(text);
};
const numWords = (config) => {
  const component = tokenizer({ pre_tokenizer: config }).getPreTokenizer();
  return (text) => component.preTokenizeString(text).length;
};

const clean = normalizer(bert(true, false));
const stripBert = normalizer(bert(false, true));
const strip = normalizer({ type: 'StripAccents' });
const nfd = normalizer({ type: 'NFD' });
const nfkd = normalizer({ type: 'NFKD' });
const words = numWords({ type: 'Whitespace' });
const digits = numWords({ type: 'Digits', individual_digits: true });
const punctuation = numWords({ type: 'Punctuation', behavior: 'Isolated' });

// Whether Unicode gives `c` a decomposition or a combining class (which moves
// it before U+0345 of class 240, or behind U+0334 of class 1) and the reference
// does not.
const isInert = (c) => (c.normalize('NFKD') !== c && nfkd(c) === c)
  || ['a\u0345' + c, 'a' + c + '\u0334'].some((text) => c.normalize('NFD') === c && text.normalize('NFD') !== text && nfd(text) === text);
// What begins such a decomposition must not compose either.
const starters = new Set();
for (let c = 0xa0; c < 0x110000; c++) {
  const text = c >= 0xd800 && c <= 0xdfff ? '' : String.fromCodePoint(c);
  const [first] = text.normalize('NFD');
  if (first !== text && first !== undefined && nfd(text) === text) starters.add(first);
}
const sets = [
  ['kWordRanges', '`\\w` of Whitespace and of added tokens', (c) => words('a' + c + 'a') === 1],
  ['kNumericRanges', 'what Digits cuts at', (c) => digits('a' + c + 'a') === 3],
  ['kPunctuationRanges', 'what Punctuation and BertPreTokenizer cut at', (c) => punctuation('a' + c + 'a') === 3],
  ['kNonspacingRanges', 'what BertNormalizer takes for accents', (c) => nfd(c) === c && stripBert(c) === ''],
  ['kCombiningRanges', 'what StripAccents takes away', (c) => strip(c) === ''],
  ['kControlRanges', 'what BertNormalizer cleans away', (c) => clean(c) === ''],
  ['kInertRanges', 'what no normalisation form changes or moves', (c) => isInert(c) || starters.has(c)],
];

const ranges = (test) => {
  const found = [];
  for (let c = 0; c < 0x110000; c++) {
    if ((c >= 0xd800 && c <= 0xdfff) || !test(String.fromCodePoint(c))) continue;
    if (found.length && found[found.length - 1][1] === c - 1) found[found.length - 1][1] = c;
    else found.push([c, c]);
  }
  return found;
};
const hex = (c) => '0x' + c.toString(16).toUpperCase();
const lines = (rows) => {
  const out = [''];
  for (const row of rows) {
    if (out[out.length - 1].length + row.length > 79) out.push('');
    out[out.length - 1] += row;
  }
  return out.join('\n');
};
console.log('// Written by tests/text/testdata/make_unicode_tables.js; not to be edited.\n#include "text/unicode_tables.h"\n\nnamespace ounce {\n\n// clang-format off');
for (const [name, what, test] of sets) {
  const rows = ranges(test).map(([first, last]) => `{${hex(first)},${hex(last)}},`);
  console.log(`\n// ${what}\nconstexpr CodePointRange ${name}Data[] = {\n${lines(rows)}\n};\nconst absl::Span<const CodePointRange> ${name}(${name}Data);`);
}
console.log('\n}  // namespace ounce');
