import { expect, test } from 'vitest'
import { readLegacyFile } from '../../src/commands/legacy-file.ts'

const blank = { start: undefined, last4: undefined, level: 'workspace', spaceIds: [] }
const terms = { ...blank, allSpaces: false, permissions: [] }

test('columns stand in any order, and rows are counted as a spreadsheet does', () => {
  const text = [
    '\ufeffowner,level,encoding,value,name',
    'ada@example.com,,PLAINTEXT,one,"Ada, once"',
    '',
    '  usr_x , user ,SHA256_HEX, two ,"He said ""no"""',
  ].join('\r\n')
  expect(readLegacyFile(text)).toEqual([
    {
      row: 2,
      key: {
        ...terms,
        name: 'Ada, once',
        value: 'one',
        encoding: 'PLAINTEXT',
        owner: 'ada@example.com',
      },
    },
    {
      row: 4,
      key: {
        ...terms,
        name: 'He said "no"',
        value: 'two',
        encoding: 'SHA256_HEX',
        owner: 'usr_x',
        level: 'user',
      },
    },
  ])
})

test('lists are separated by blanks, however many', () => {
  const text = `name,value,encoding,owner,spaceIds,permissions,allSpaces,start,last4
A,v,PLAINTEXT,o, spc_a  spc_b ,"agents:read\tkeys:read",true,ab,yz`
  expect(readLegacyFile(text)[0]?.key).toMatchObject({
    spaceIds: ['spc_a', 'spc_b'],
    permissions: ['agents:read', 'keys:read'],
    allSpaces: true,
    start: 'ab',
    last4: 'yz',
  })
})

const one = { ...terms, name: 'Ada, once', value: 'one', encoding: 'PLAINTEXT', owner: 'ada' }

// As spreadsheets write them in other countries, and as other systems name their columns.
test.each([
  ['semicolons', 'name;value;encoding;owner\nAda, once;one;PLAINTEXT;ada'],
  ['tabs', 'name\tvalue\tencoding\towner\nAda, once\tone\tPLAINTEXT\tada'],
  ['commas', 'name,value,encoding,owner\n"Ada, once",one,PLAINTEXT,ada'],
  ['names in other case', 'Name,VALUE,Encoding,oWNER\n"Ada, once",one,PLAINTEXT,ada'],
])('a file with %s is read', (_, text) => {
  expect(readLegacyFile(text)).toEqual([{ row: 2, key: one }])
})

test.each(['spaceIds', 'SPACEIDS', 'space_ids', 'Space Ids', 'space-ids'])(
  'a column may be called %s',
  (name) => {
    const text = `name,value,encoding,owner,${name}\n"Ada, once",one,PLAINTEXT,ada,spc_a`
    expect(readLegacyFile(text)).toEqual([{ row: 2, key: { ...one, spaceIds: ['spc_a'] } }])
  },
)

test('columns of other names are left out where that is asked for', () => {
  const text = 'Team,name,value,encoding,owner,Team\nBlue,"Ada, once",one,PLAINTEXT,ada,Red'
  expect(readLegacyFile(text, true)).toEqual([{ row: 2, key: one }])
})

test('values are the same in any case, as spreadsheets write them', () => {
  const text = 'name,value,encoding,owner,allSpaces,level\n'
  const [key, none] = readLegacyFile(
    `${text}A,v,plaintext,o,TRUE,Workspace\nB,w,Sha256_Hex,o,False,`,
  )
  const terms = { encoding: 'PLAINTEXT', allSpaces: true, level: 'workspace' }
  expect(key?.key).toMatchObject(terms)
  expect(none?.key).toMatchObject({ encoding: 'SHA256_HEX', allSpaces: false })
})

test.each([
  ['A,SECRET,plain,o,,', /^the encoding is not one of PLAINTEXT, SHA256_HEX, SHA256_BASE64$/],
  ['A,SECRET,PLAINTEXT,o,yes,', /^allSpaces is neither true nor false$/],
  ['A,SECRET,PLAINTEXT,o,,admin', /^the level is not one of workspace, user$/],
  ['A,SECRET,PLAINTEXT,o', /^4 values; expected 6, one for each column$/],
  ['A,SECRET,PLAINTEXT,o,,,', /^7 values; expected 6, one for each column$/],
])('the row %s is a problem of its own, and the others are read', (row, problem) => {
  const good = 'B,value,PLAINTEXT,o,,'
  const rows = readLegacyFile(`name,value,encoding,owner,allSpaces,level\n${row}\n${good}`)
  expect(rows).toEqual([
    { row: 2, key: { problem: expect.stringMatching(problem) } },
    { row: 3, key: expect.objectContaining({ name: 'B' }) },
  ])
})

test.each([
  ['', /^row 1: the column name is missing; expected name,value,encoding,owner and any of /],
  ['name,value,encoding\n', /^row 1: the column owner is missing;/],
  ['name,value,encoding,owner,name\n', /^row 1: the column name stands there twice;/],
  ['A key,SECRET,PLAINTEXT,ada\n', /^row 1: the column name is missing;/],
  ['A key;SECRET;PLAINTEXT;ada\n', /^row 1: the column name is missing;/],
  ['name,value,encoding,owner,Name\n', /^row 1: the column name stands there twice;/],
  ['name,value,encoding,owner,sk_SECRET1\n', /^row 1: column 5: no column of that name is read;/],
  [
    'name,value,encoding,owner,Team,cost centre\n',
    /^row 1: "Team", "cost centre": no column of that name is read; leave it out, or pass --ignore-unknown; expected/,
  ],
  [
    'name,value,encoding,owner\nA,"SECRET"x,PLAINTEXT,ada\nB,b,c,d\n',
    /^row 2: something stands between a quotation mark and the end of the value; nothing was imported$/,
  ],
  [
    'name,value,encoding,owner\nA,"SECRET,PLAINTEXT,ada\nB,b,c,d\n',
    /^row \d: a quotation mark is not closed by the end; nothing was imported$/,
  ],
  [
    'name,value,encoding,owner\nA,SEC"RET,PLAINTEXT,ada\n',
    /^row 2: a quotation mark stands inside a value that does not begin with one; nothing was/,
  ],
  [
    `name,value,encoding,owner\n${'A,SECRET,PLAINTEXT,ada\n'.repeat(10_001)}`,
    /^the file has 10001 keys; expected at most 10000$/,
  ],
])('the file %# is refused whole, and nothing of it is told', (text, message) => {
  const told = (): string => {
    try {
      readLegacyFile(text)
      return 'nothing'
    } catch (error) {
      return error instanceof Error ? error.message : ''
    }
  }
  expect(told()).toMatch(message)
  expect(told()).not.toMatch(/SEC/)
})
