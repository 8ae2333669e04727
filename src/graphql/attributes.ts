import {
  ATTRIBUTE_INDEXES_MAX,
  ATTRIBUTE_NAME_MAX,
  type AttributeIndex,
  type AttributeName,
  SAMPLE_MAX_USERS,
} from '../domain/users/attribute-index.ts';
import { builder } from './builder.ts';
import { resultOf } from './errors.ts';
import { WorkspaceRef } from './refs.ts';

/** Users looked at if nothing is said. */
const SAMPLE_DEFAULT = 1_000;

const State = builder.enumType('AttributeIndexState', {
  description: 'Whether filters are answered from an index.',
  values: {
    BUILDING: { description: 'Users are still being added; filters look at every user.' },
    READY: { description: 'Filters are answered from it.' },
  } as const,
});

const Index = builder.objectRef<AttributeIndex>('AttributeIndex').implement({
  description: 'An attribute whose values are kept as bits, so that filters by it need not look at every user.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The attribute.' }),
    state: t.field({ type: State, description: 'Whether it answers already.', resolve: (index) => index.state }),
    builtTo: t.exposeInt('builtTo', {
      nullable: true,
      description: 'The number of the last user in it while it is being built; null once everybody is.',
    }),
    createdAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: (index) => index.createdAt }),
  }),
});

const Name = builder.objectRef<AttributeName>('AttributeName').implement({
  description: 'An attribute as a sample of users has it.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The attribute.' }),
    users: t.exposeInt('users', { description: 'How many users of the sample have it.' }),
    types: t.stringList({
      description:
        'What its values are, the most frequent first: `string`, `time`, `number`, `boolean`, `array`, `object`.',
      resolve: ({ types }) => [...types],
    }),
    examples: t.field({
      type: 'JSON',
      description: 'Its most frequent values, elements of arrays among them; none that are long.',
      resolve: ({ examples }) => examples,
    }),
  }),
});

builder.objectFields(WorkspaceRef, (t) => ({
  attributeIndexes: t.field({
    type: [Index],
    authScopes: { scope: 'users:read' },
    description: 'The attributes that are indexed, by name.',
    resolve: (_, __, { domain }) => domain.attributes.listAttributeIndexes(),
  }),
  attributeNames: t.field({
    type: [Name],
    authScopes: { scope: 'users:read' },
    description: 'The attributes that a sample of users has, the most frequent first: for editors of filters.',
    args: {
      sample: t.arg.int({
        required: true,
        defaultValue: SAMPLE_DEFAULT,
        description: `How many users to look at, spread evenly: 1 to ${SAMPLE_MAX_USERS}.`,
      }),
    },
    resolve: (_, { sample }, { domain }) => domain.attributes.sampleAttributes({ sample }),
  }),
}));

const attributeInput = (name: string, description: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({
      name: t.string({ required: true, description: `The attribute: 1 to ${ATTRIBUTE_NAME_MAX} characters.` }),
    }),
  });

const IndexSuccess = builder.objectRef<{ readonly index: AttributeIndex }>('IndexAttributeSuccess').implement({
  description: 'Its values are kept from now on.',
  fields: (t) => ({
    index: t.field({ type: Index, description: 'The index as it is now.', resolve: (done) => done.index }),
  }),
});

const DropSuccess = builder.objectRef<{ readonly name: string }>('DropAttributeIndexSuccess').implement({
  description: 'Its values are no longer kept.',
  fields: (t) => ({ name: t.exposeString('name', { description: 'The attribute.' }) }),
});

builder.mutationFields((t) => ({
  indexAttribute: t.field({
    type: IndexSuccess,
    authScopes: { scope: 'users:write' },
    errors: resultOf('IndexAttribute'),
    description: `Keeps the values of an attribute as bits, so that filters by it are fast. At most ${ATTRIBUTE_INDEXES_MAX} a workspace; large workspaces are indexed in the background.`,
    args: {
      input: t.arg({
        type: attributeInput('IndexAttributeInput', 'An attribute to index.'),
        required: true,
        description: 'Which.',
      }),
    },
    resolve: async (_, { input }, { domain }) => ({ index: await domain.attributes.indexAttribute(input) }),
  }),
  dropAttributeIndex: t.field({
    type: DropSuccess,
    authScopes: { scope: 'users:write' },
    errors: resultOf('DropAttributeIndex'),
    description: 'Stops keeping the values of an attribute: filters by it look at every user.',
    args: {
      input: t.arg({
        type: attributeInput('DropAttributeIndexInput', 'An attribute that is indexed.'),
        required: true,
        description: 'Which.',
      }),
    },
    resolve: async (_, { input }, { domain }) => {
      await domain.attributes.dropAttributeIndex(input);
      return input;
    },
  }),
}));
