// The page: shows the notes, newest last, and keeps new ones.

const form = document.querySelector('form');
const list = document.querySelector('ul');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  await notes.put(`note/${new Date().toISOString()}`, { text: form.elements.text.value });
  form.reset();
  await show();
});

async function show() {
  const entries = await notes.list('note/');
  list.replaceChildren(
    ...entries.map(([, { text }]) => Object.assign(document.createElement('li'), { textContent: text })),
  );
}

show();
