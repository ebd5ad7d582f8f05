import { expect, test } from 'vitest'
import { commands, readCommand } from '../../src/commands/commands.ts'
import { UsageError } from '../../src/commands/define.ts'
import { helpFor } from '../../src/commands/help.ts'

test('--help lists every command in a line, those of a group by its word', () => {
  for (const asked of [['--help'], ['-h']]) {
    const lines = helpFor(commands, asked)?.split('\n') ?? []
    for (const { usage, description } of commands)
      expect(lines.filter((line) => line.startsWith(`  ${usage} `))).toEqual([
        expect.stringContaining(description),
      ])
  }
  const ofKeys = helpFor(commands, ['keys', '--help'])
  expect(ofKeys?.match(/^ {2}\w+ \w+/gm)).toEqual([
    '  keys list',
    '  keys create',
    '  keys rotate',
    '  keys revoke',
    '  keys trim',
  ])
  expect(helpFor(commands, ['keys', 'list'])).toBeUndefined()
})

test.each(commands.map((kind) => [kind.words, kind] as const))(
  '%s --help has its options and an example that can be typed, whatever else is typed',
  (words, { options, example }) => {
    const help = helpFor(commands, [...words.split(' '), 'x', '--nothing', '--help']) ?? ''
    for (const [name, { description }] of Object.entries(options)) {
      expect(help).toContain(`  --${name}`)
      expect(help).toContain(description)
    }
    expect(help.endsWith(`\n  latchkey ${example}`)).toBe(true)
    const typed = example.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? []
    // The text of its file is not there.
    if (words !== 'legacy import') readCommand(typed)
    expect(example.startsWith(words)).toBe(true)
  },
)

test.each([
  [['open'], 'unknown command "open"; see latchkey --help'],
  [['keys', 'fly', 'x'], 'unknown command "keys fly"; see latchkey --help'],
  [['keys', '--json'], 'unknown command "keys"; see latchkey --help'],
  [[], 'expected a command; see latchkey --help'],
  [['--json', 'keys', 'list'], 'expected a command; see latchkey --help'],
  [['keys', 'list', '--owner', 'x'], "Unknown option '--owner'; see latchkey keys list --help"],
  [['keys', 'list', '-j'], "Unknown option '-j'; see latchkey keys list --help"],
  [['keys', 'rotate'], 'expected latchkey keys rotate <key id>; see latchkey keys rotate --help'],
  [['demo', 'x'], 'expected latchkey demo; see latchkey demo --help'],
  [
    ['keys', 'list', '--status', 'GOOD'],
    '--status is "GOOD"; expected one of ACTIVE, DISABLED, EXPIRED, REVOKED',
  ],
  [
    ['keys', 'list', '--expires-before', '2027'],
    '--expires-before: "2027" is no instant of the years 1970 to 9998; write it as 2027-01-31T23:59:59Z.',
  ],
  [
    ['keys', 'rotate', 'x', '--overlap-seconds', '604801'],
    '--overlap-seconds is "604801"; expected a whole number from 0 to 604800',
  ],
])('%j is refused in one line', (argv, line) => {
  expect(() => readCommand(argv)).toThrow(new UsageError(line))
})

test('the help of what there is not is refused as well', () => {
  expect(() => helpFor(commands, ['open', '--help'])).toThrow('unknown command "open"')
})
