// Writes components.json: what the reference makes of each type of component.
// The reference is the native library of the npm package tokenizers 0.23.2.
//   npm install tokenizers@0.23.2 && node make_components.js > components.json
// Characters that newer Unicode versions added or changed are left out.
const { Tokenizer } = require('tokenizers');

const texts = [
  '', ' ', 'Hello, world!', "It's what's-his-name's; they're, I'LL", '  two  spaces   three ',
  'a\nb\n\n c \r\n d\t', '1 12 1234 3.14 \u00b2\u00bd\u2460 \u0661\u0662', 'na\u00efve e\u0301 \u00c5ngstr\u00f6m \ufb01 \uff21\u2126',
  '\u5927\u6a21\u578b\u3001\u30c6\u30b9\u30c8\u3002\ud55c\uad6d \u041f\u0440\u0438\u0432\u0435\u0442', '\ud83d\ude00 \ud83d\udc69\u200d\ud83d\udc67 \ud83c\udde9\ud83c\uddea',
  '\u00a0nbsp\u2003em\u180emvs\u200bzwsp\u2028ls\u0085nel\u001cfs', 'snake_case $5+3=8 <a|b> ^`~ \u201cq\u201d \u2014 \u203f', '\u0130stanbul I\u0131 \u03a3\u03a3 \u1e9e\u00df',
  'a\u0323\u0301 a\u0301\u0323 \uac01 \u1100\u1161\u11a8 \u0958', '\u2581x\u2581\u2581y z\u2581', 'aabbab ab', '\u24b6\u24d0 x\u200dy \u0e33',
];

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const cl100k = "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
const o200k = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const bloom = ' ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+';
const deepseek = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const regexes = [gpt2, llama3, cl100k, o200k, bloom, deepseek, '[\u4e00-\u9fa5\u0800-\u4e00\u3040-\u309f\u30a0-\u30ff]+',
  '\\w', '\\w+', '\\W+', '[\\w]+', '[\\W_]+', '[^\\W\\d]+', '\\s+', '\\S+', '[^\\S\\n]+', '[\\s\\S]', '\\d', '\\D+', '\\h+', '[\\h]', '\\H', '\\v', '\\b', '\\B', '^', '$', '.+', '(?m:.+)', '\\A.', '.\\z', '\\p{Han}+', '\\p{Hangul}+', '\\p{Cyrillic}',
  '\\p{^L}+', '\\P{L}+', '\\p{Letter}+', '\\p{Lu}', '\\p{Alnum}+', '[[:alpha:]]+', '[[:^alpha:]]+', '[[:punct:]]', '[[:space:]]', '[[:upper:]]', '[[:lower:]]', '[[:xdigit:]]+', '[a-z&&[^aeiou]]+', '[^[a-c]\\s]+', '[^a-z&&[^aeiou]]+', '[a[bc]]+', '[]a]', '\\u00e9|e\\u0301',
  'x{,2}', 'b{2}?', '[ab]{1,2}+', '(a|b){2}+', 'a*', '(?=b)', '(?<=a)b', '(?<!a)b', '(?i:K)', '(?i:s+)', '(?i)[a-c]', 'a{', '\\R', '\\X', '(?<n>a)\\k<n>', '\\-|\\/|\\<'];

const literal = (s) => ({ String: s });
const regex = (s) => ({ Regex: s });
const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];
const split = (pattern, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern, behavior, invert });
const byteLevel = (add_prefix_space, use_regex) => ({ type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex });
const metaspace = (prepend_scheme, doSplit) => ({ type: 'Metaspace', replacement: '\u2581', prepend_scheme, split: doSplit });
const sequence = (key, ...parts) => ({ type: 'Sequence', [key]: parts });

const preTokenizers = [
  ...regexes.map((r) => split(regex(r))),
  ...behaviors.flatMap((b) => [split(literal(' '), b), split(regex('[ab]'), b), split(literal(''), b), split(regex('[ab]'), b, true)]),
  ...[false, true].flatMap((a) => [byteLevel(a, false), byteLevel(a, true)]),
  ...['always', 'first', 'never'].flatMap((s) => [metaspace(s, false), metaspace(s, true)]),
  ...behaviors.map((behavior) => ({ type: 'Punctuation', behavior })),
  { type: 'Digits', individual_digits: false }, { type: 'Digits', individual_digits: true },
  { type: 'Whitespace' }, { type: 'WhitespaceSplit' },
  sequence('pretokenizers'), sequence('pretokenizers', { type: 'WhitespaceSplit' }, { type: 'Digits', individual_digits: true }, byteLevel(true, false)),
  sequence('pretokenizers', split(literal('a'), 'MergedWithNext'), metaspace('first', true)),
];

const prepend = (s) => ({ type: 'Prepend', prepend: s });
const replace = (pattern, content) => ({ type: 'Replace', pattern, content });
const strip = (strip_left, strip_right) => ({ type: 'Strip', strip_left, strip_right });
const normalizers = [
  { type: 'NFC' }, { type: 'NFD' }, { type: 'NFKC' }, { type: 'NFKD' }, { type: 'Lowercase' }, prepend('\u2581'), prepend(''),
  replace(literal(' '), '\u2581'), replace(literal('ab'), ''), replace(regex('\\s+'), ' '), replace(regex('a*'), '-'), replace(literal(''), '-'),
  strip(true, true), strip(true, false), strip(false, true), sequence('normalizers'), sequence('normalizers', prepend('\u2581'), replace(literal(' '), '\u2581')),
  sequence('normalizers', { type: 'NFD' }, { type: 'Lowercase' }, replace(regex('\\p{M}'), ''), strip(true, true)),
];

const bytes = { type: 'ByteFallback' };
const fuse = { type: 'Fuse' };
const stripToken = (start, stop) => ({ type: 'Strip', content: ' ', start, stop });
const decoders = [
  byteLevel(true, true), bytes, fuse, stripToken(1, 0), stripToken(2, 0), stripToken(0, 1), replace(literal('\u2581'), ' '), replace(regex('[a-c]'), ''),
  { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true }, { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'never', split: true }, { type: 'BPEDecoder', suffix: '</w>' },
  sequence('decoders', replace(literal('\u2581'), ' '), bytes, fuse, stripToken(1, 0)), sequence('decoders', bytes, byteLevel(true, true)), sequence('decoders', fuse, replace(literal('lo'), '0')), sequence('decoders', byteLevel(true, true), replace(literal(' '), '_')),
  sequence('decoders', fuse, stripToken(0, 2)), sequence('decoders', fuse, { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: true }),
];
const tokenLists = [
  ['Hello'], ['\u2581Hello', '\u2581wor', 'ld', '\u2581'], ['\u0120Hello', '\u010a', '\u0120wor', 'ld'], ['\u00f0\u0141', '\u013a', '\u0122', 'x'], ['\u00f0\u0141', 'x', '\u00c3'], ['<0xE5>', '<0x8f>', '<0xab>', 'x'],
  ['a', '<0xF0>', '<0x9F>', 'b', '<0xFF>'], ['<0x61>', '<0xC3>'], ['  a', '\u2581\u2581b  ', 'c '], ['lo</w>', 'w</w>', 'er</w>'], ['<s>', '\u00e9\u4e2d', '\u0120x'], ['<0x6>', '<0x6g>', '<0x061>', '<0X61>'], ['hel', 'lo', ' lo', 'l', 'o  '],
];

const tokenizer = (parts) => Tokenizer.fromString(JSON.stringify({
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts,
  model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: {}, merges: [] },
}));

const lines = (list) => '[\n' + list.map((x) => JSON.stringify(x)).join(',\n') + '\n]';
console.log('{"texts": ' + lines(texts) + ',\n"pre_tokenizers": ' + lines(preTokenizers.map((config) => {
  const component = tokenizer({ pre_tokenizer: config }).getPreTokenizer();
  return { config, words: texts.map((t) => (t === '' ? [] : component.preTokenizeString(t).map((piece) => piece[0]))) };
})) + ',\n"normalizers": ' + lines(normalizers.map((config) => {
  const component = tokenizer({ normalizer: config }).getNormalizer();
  return { config, normalized: texts.map((t) => component.normalizeString(t)) };
})) + ',\n"token_lists": ' + lines(tokenLists) + ',\n"decoders": ' + lines(decoders.map((config) => {
  const component = tokenizer({ decoder: config }).getDecoder();
  return { config, decoded: tokenLists.map((tokens) => component.decode(tokens)) };
})) + '}');
