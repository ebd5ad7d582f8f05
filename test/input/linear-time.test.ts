import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newId } from '../../src/ids.ts'
import { leastOfRequest, mostOfRequest } from '../setup/request-time.ts'
import { createSignInWorld, type SignInWorld } from '../sign-in/sign-in-world.ts'
import { everyPlace, Items, type Place, seedRows } from './every-input.ts'

// A machine that is busy with other tests takes longer; what is measured is the processor's time.
vi.setConfig({ testTimeout: 300_000 })

let signIn: SignInWorld
let secret: string
let person: string
let places: readonly Place[]

beforeAll(async () => {
  signIn = await createSignInWorld({ signUp: true })
  const workspace = await signIn.world.createWorkspace()
  secret = workspace.secret
  person = await signIn.person('somebody')
  places = [...everyPlace(await seedRows(signIn.world, workspace))]
})
afterAll(() => signIn.close())

/** Of one request, in milliseconds. */
const most = { all: 250, hold: mostOfRequest.hold }
/** What each row that is made may take besides, its transaction and audit included. */
const msOfRow = 20

/** How many mutations of a request have been done. */
const rowsIn = (data: unknown): number =>
  Object.values(data ?? {}).filter((payload) => payload?.errors?.length === 0).length

/** What is repeated to a hostile text: what parsers, expressions and loops have fallen over somewhere. */
const units = [
  'a',
  '1',
  ' ',
  ',',
  '.',
  ':',
  '/',
  '%',
  '\\',
  '"""',
  '["',
  '{a: "',
  '\0',
  'a\u0301',
  'ab:',
  '2026-11-29T',
  'a@a.',
  'eyJ.',
]
/** Marks in the wrong order: to bring them into the right one takes more than a look at each. */
const marks = '\u0315\u0300'

const megabyte = 1_048_576
/** For the operation itself, and what is around the texts. */
const rest = 40_000

/** The unit so often that it takes so many bytes of JSON in UTF-8. */
const text = (unit: string, bytes: number): string =>
  unit.repeat(Math.floor(bytes / Buffer.byteLength(JSON.stringify(unit).slice(1, -1))))

/** Every unit, together as long as a request may be; one of them, by turns, takes half of that. */
function textsFor(turn: number): string[] {
  const large = turn % units.length
  const half = (megabyte - rest) / 2
  const small = (half - 120_000) / units.length
  const texts = units.map((unit, index) => text(unit, index === large ? half : small))
  return [...texts, `a${text(marks, 120_000)}`]
}

async function expectQuick(place: Place, values: readonly unknown[]): Promise<void> {
  const operation = place.operation(values)
  const caller = place.field === 'createWorkspace' ? person : secret
  const {
    value: answer,
    all,
    hold,
  } = await leastOfRequest(
    () => signIn.world.gql(caller, operation.query, operation.variables),
    most,
  )
  expect(all, place.at).toBeLessThan(most.all + rowsIn(answer.data) * msOfRow)
  expect(hold, place.at).toBeLessThan(most.hold)
  expect(JSON.stringify(answer).length, place.at).toBeLessThan(400_000)
}

// One input that takes more is enough to keep everybody else waiting.
test('every input: texts of a megabyte take no more time than their length asks for', async () => {
  for (const [turn, place] of places.entries()) await expectQuick(place, textsFor(turn))
})

test('every input: as many texts where another type belongs take no more either', async () => {
  for (const [turn, place] of places.entries()) {
    const texts = units.map((unit) => text(unit, 4_000))
    await expectQuick(
      place,
      texts.map((one, index) => [[one], { [one]: one }, [[{ a: one }]]][(turn + index) % 3]),
    )
  }
})

const items: readonly ((index: number) => unknown)[] = [
  (index) => `n${index}`,
  () => 'same',
  () => newId('spc'),
]

/** As many items as a request has room for, in one of the lists around the place. */
function listFor({ fill }: Place, level: number, make: (index: number) => unknown): Items {
  const bytes = JSON.stringify(fill(new Items([make(99_999), make(99_999)], level))).length / 2
  const count = Math.floor((megabyte - rest) / bytes)
  return new Items(
    Array.from({ length: count }, (_, index) => make(index)),
    level,
  )
}

test('every list: a megabyte of items takes no more time than its length asks for', async () => {
  for (const place of places) {
    const levels = place.at.split('[]').length - 1
    for (let level = 0; level < levels; level += 1)
      for (const make of items) await expectQuick(place, [listFor(place, level, make)])
  }
})
