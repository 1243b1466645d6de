// What is nicer with a script. Every page works without it.
"use strict";

// The reader's own time beside UTC.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    time.title = `${time.dateTime}\n${moment.toLocaleString()} (your time)`;
  }
}

// A form that was sent is not sent twice by a double click.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
}

// A page that comes back from the browser's memory can be used again.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});
