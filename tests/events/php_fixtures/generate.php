<?php
/**
 * Writes what PHP makes of random form bodies, one JSON object a line:
 *
 *     php generate.php [count] [seed] | gzip -9n > parse_str.jsonl.gz
 *
 * Bytes are written as the code points of ISO 8859-1, arrays as lists of pairs in PHP's order. The same seed gives the
 * same bodies. Those in the repository are by PHP 8.2.36, Debian's php8.2-cli.
 */

const COUNT = 2000;
const SEED = 20260401;
const HEADS = ['a', 'b', 'data', 'auth', 'event', 'a.b', 'a b', ' a', '_', '.', '..Host-x', '__Host-x', '_.Secure-y',
    '__Secure-y', 'naïve', 'ключ', "\xff", "a\0b", 'this', 'GLOBALS', ']', 'a]', '0', '-0', '01', ''];
const INDICES = ['', '', '', '0', '1', '2', '7', '-1', '-7', '-0', '00', '01', '1.5', '+1', '9223372036854775806',
    '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', 'b', 'c.d', 'e f',
    ' ', '  ', ' g', "\t", "\x0b", "\xa0", '[', '[]', 'ключ', "\xfe", "h\0i", "'", '"', '1e3'];
const TAILS = ['', '', '', '', '', '', 'x', '.x', '[', '[x', '[x y', '[x.y[z', ']', '[[', '[ ', 'x[y]'];
const VALUES = ['', '0', '1', 'hello', 'a=b', 'a&b', 'a+b', '50%', '%zz', "\0", "\xc3\x28", 'привет', '😀', "x\r\ny", '[]',
    '&amp;'];

function oneOf(array $choices)
{
    return $choices[mt_rand(0, count($choices) - 1)];
}

function chance(int $percent): bool
{
    return mt_rand(1, 100) <= $percent;
}

/** Percent signs for what has a meaning of its own, and by chance for anything else. */
function encoded(string $text, string $kept): string
{
    $result = '';
    foreach ($text === '' ? [] : str_split($text) as $byte) {
        if ($byte === ' ' && chance(50)) {
            $result .= '+';
        } elseif (($kept !== '' && strpos($kept, $byte) !== false && chance(70)) || (ctype_alnum($byte) && chance(95))) {
            $result .= $byte;
        } elseif (ord($byte) > 127 && chance(20)) {
            $result .= $byte;
        } else {
            $result .= sprintf(chance(50) ? '%%%02X' : '%%%02x', ord($byte));
        }
    }
    return $result;
}

function randomName(): string
{
    $name = oneOf(HEADS);
    for ($depth = mt_rand(0, 4); $depth > 0; $depth--) {
        $name .= '[' . oneOf(INDICES) . ']';
    }
    return $name . oneOf(TAILS);
}

/** Names and values of all sorts, in an order that makes them collide. */
function randomPairs(): string
{
    $names = [];
    for ($count = mt_rand(1, 4); $count > 0; $count--) {
        $names[] = randomName();
    }
    $pairs = [];
    for ($count = mt_rand(1, 9); $count > 0; $count--) {
        $name = encoded(chance(60) ? oneOf($names) : randomName(), '[]._-');
        $pairs[] = chance(92) ? $name . '=' . encoded(oneOf(VALUES), '%=+[]') : $name;
    }
    return implode(chance(95) ? '&' : '&&', $pairs);
}

function randomTree(int $depth)
{
    if ($depth === 0 || chance(40)) {
        return oneOf([null, true, false, 0, 17, -3, 1.5, '', 'text', 'ключ', [], 'a b', '50%']);
    }
    $tree = [];
    for ($count = mt_rand(1, 4); $count > 0; $count--) {
        chance(40) ? $tree[] = randomTree($depth - 1) : $tree[oneOf(['id', 'name', 'x.y', 5, -2, 'a b'])] = randomTree($depth - 1);
    }
    return $tree;
}

/** What a portal writes: nested data by way of http_build_query. */
function randomQuery(): string
{
    $data = ['event' => 'ONSOMETHING', 'data' => randomTree(4), 'ts' => mt_rand(), 'more' => randomTree(2)];
    return http_build_query($data, '', '&', chance(80) ? PHP_QUERY_RFC1738 : PHP_QUERY_RFC3986);
}

function latin(string $bytes): string
{
    $text = '';
    foreach ($bytes === '' ? [] : str_split($bytes) as $byte) {
        $text .= ord($byte) < 128 ? $byte : chr(0xC0 | ord($byte) >> 6) . chr(0x80 | ord($byte) & 0x3F);
    }
    return $text;
}

function shown(array $array): array
{
    $shown = [];
    foreach ($array as $key => $value) {
        $shown[] = [latin((string)$key), is_array($value) ? shown($value) : latin($value)];
    }
    return $shown;
}

ini_set('max_input_vars', '1000');
mt_srand((int)($argv[2] ?? SEED));
$seen = [];
$count = (int)($argv[1] ?? COUNT);
while (count($seen) < $count) {
    $body = chance(30) ? randomQuery() : randomPairs();
    if (isset($seen[$body])) {
        continue;
    }
    $seen[$body] = true;
    parse_str($body, $parsed);
    echo json_encode(
        ['body' => latin($body), 'parsed' => shown($parsed)],
        JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR,
    ), "\n";
}
