import { readFileSync } from 'node:fs';
import {
  buildSchema,
  findBreakingChanges,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { NODE_TYPES } from '../../src/graphql/node-id.ts';
import { schema } from '../../src/graphql/schema.ts';

const promise = buildSchema(readFileSync(new URL('promise.graphql', import.meta.url), 'utf8'));
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));
const BUILT_IN = ['String', 'Int', 'Float', 'Boolean', 'ID'];

/** Everything with a name that a reader of the schema meets: types, fields, arguments, input fields, enum values. */
function described(type: GraphQLNamedType): { name: string; description: string | null | undefined }[] {
  const out = [{ name: type.name, description: type.description }];
  const note = (name: string, of: { description?: string | null | undefined }) =>
    void out.push({ name: `${type.name}.${name}`, description: of.description });
  if (isEnumType(type)) for (const value of type.getValues()) note(value.name, value);
  if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) note(field.name, field);
  if (isObjectType(type) || isInterfaceType(type))
    for (const field of Object.values(type.getFields())) {
      note(field.name, field);
      for (const argument of field.args) note(`${field.name}(${argument.name})`, argument);
    }
  return out;
}

const fieldsOf = (type: GraphQLObjectType | null | undefined) => Object.values(type?.getFields() ?? {});

describe('the schema', () => {
  test('breaks nothing that was promised', () => {
    expect(findBreakingChanges(promise, schema)).toEqual([]);
  });

  test('takes one field and no more where that was promised', () => {
    const oneOf = (of: typeof schema) =>
      Object.values(of.getTypeMap()).flatMap((type) => (isInputObjectType(type) && type.isOneOf ? [type.name] : []));
    expect(oneOf(schema)).toEqual(expect.arrayContaining(oneOf(promise)));
    expect(oneOf(promise)).toHaveLength(5);
  });

  test('describes every type, field, argument, input field and enum value', () => {
    const silent = types
      .filter((type) => !BUILT_IN.includes(type.name))
      .flatMap(described)
      .filter(({ description }) => !description?.trim())
      .map(({ name }) => name);
    expect(silent).toEqual([]);
  });

  test('answers every mutation with a union named after it, of one success and errors', () => {
    const faults = fieldsOf(schema.getMutationType()).flatMap((field) => {
      const name = field.name.charAt(0).toUpperCase() + field.name.slice(1);
      const type = getNamedType(field.type);
      if (type.name !== `${name}Result` || !isUnionType(type)) return [`${field.name} answers ${type.name}.`];
      const members = type.getTypes();
      const errors = members.filter((member) => member.getInterfaces().some((of) => of.name === 'Error'));
      const successes = members.filter((member) => !errors.includes(member)).map((member) => member.name);
      return successes.join() === `${name}Success` && errors.length > 0
        ? []
        : [`${field.name} succeeds with ${successes.join(' and ')}.`];
    });
    expect(faults).toEqual([]);
    expect(fieldsOf(schema.getMutationType()).length).toBeGreaterThanOrEqual(12);
  });

  test('has a reader of ids for every type that has node ids', () => {
    const nodes = types.filter((type) => isObjectType(type) && type.getInterfaces().some((of) => of.name === 'Node'));
    expect(nodes.map((type) => type.name).sort()).toEqual([...NODE_TYPES].sort());
  });

  test('pages every connection in both directions', () => {
    const faults = types
      .filter((type) => isObjectType(type))
      .flatMap((type) => fieldsOf(type).map((field) => ({ at: `${type.name}.${field.name}`, field })))
      .filter(({ field }) => getNamedType(field.type).name.endsWith('Connection'))
      .filter(({ field }) =>
        ['first', 'after', 'last', 'before'].some((name) => !field.args.some((argument) => argument.name === name)),
      )
      .map(({ at }) => `${at} cannot be paged.`);
    expect(faults).toEqual([]);
  });
});
