import { expect, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { eventsOf, operator, operatorIn } from './operator.ts'

useWorkspace()

test('members add and list: a person with any role, by the operator, and every present member', async () => {
  const command = operatorIn(world, workspace)
  const machine = await seed(world, workspace.secret).machine({ name: 'Robot', role: 'MEMBER' })
  const { member } = await command('members', 'add', 'Zoe@example.com', 'owner', '--name', 'Zoe')
  expect(member).toMatchObject({ user: { name: 'Zoe', email: 'Zoe@example.com' }, role: 'OWNER' })
  expect((await eventsOf(world, workspace)).at(-1)).toEqual({
    action: 'member.added',
    actor: [null, null, 'operator'],
    targetId: member.id,
    fields: ['kind', 'name', 'email', 'role'],
  })
  expect(world.logs.join()).not.toContain('Zoe@example.com')

  const listed = await command('members', 'list')
  expect(listed.map(({ id, user: { kind }, role }: any) => [id, kind, role])).toEqual([
    [member.id, 'HUMAN', 'OWNER'],
    [machine.id, 'MACHINE', 'MEMBER'],
    [workspace.ownerMemberId, 'HUMAN', 'OWNER'],
  ])
  const text = await operator(world)('members', 'list', '--workspace', workspace.slug)
  expect(text.split('\n')[2]?.split(/ {2,}/).slice(0, 5)).toEqual([
    machine.userId,
    'Robot',
    '-',
    'MEMBER',
    'MACHINE',
  ])

  const add = (...argv: string[]) => command('members', 'add', ...argv)
  await expect(add('zoe@EXAMPLE.com', 'MEMBER')).rejects.toThrow(
    '<email>: Somebody with this e-mail is a member.',
  )
  await expect(add('nobody', 'MEMBER')).rejects.toThrow('<email>: ')
  await expect(add('new@example.com', 'KING')).rejects.toThrow(
    'the role is "KING"; expected one of OWNER, ADMIN, BUILDER, MEMBER',
  )
  expect(await command('members', 'list')).toEqual(listed)
})

test('workspaces list: each with its slug and plan', async () => {
  const other = await world.createWorkspace()
  const listed = JSON.parse(await operator(world)('workspaces', 'list', '--json'))
  const [first, second] = listed.slice(0, 2)
  expect(first).toMatchObject({ id: other.id, slug: other.slug, plan: 'ENTERPRISE' })
  expect(second).toMatchObject({ id: workspace.id, slug: workspace.slug })
  expect(await operator(world)('workspaces', 'list')).toContain(`${other.id}  ${other.slug}`)
})
